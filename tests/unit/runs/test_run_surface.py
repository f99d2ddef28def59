"""What a run refuses to take, and how its config can be copied."""

import argparse
import copy
import io
import logging
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.runs.test_run import Bench
from wabucketref.errors import InvalidValue, Unsupported, UsageError
from wabucketref.runs.console import ConsoleCapture
from wabucketref.service.wabucket_pb2 import Record


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.floor.service.close()


@pytest.mark.parametrize("name", ["foo", "job_type", "id", "config", "summary", "url", "step", "finished", "log"])
def test_only_what_is_recorded_can_be_set(bench: Bench, name: str) -> None:
    run = bench.start(job_type="train")
    before = getattr(run, name, None)
    with pytest.raises(Unsupported, match=rf"run\.{name} cannot be set") as caught:
        setattr(run, name, "x")
    assert isinstance(caught.value, AttributeError)
    assert "name, notes, tags" in (caught.value.hint or "")
    assert getattr(run, name, None) == before
    run.finish()


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("name", 5, InvalidValue),
        ("name", None, InvalidValue),
        ("name", "", UsageError),
        ("name", "x" * 129, UsageError),
        ("name", "a\ud800", UsageError),
        ("notes", 5, InvalidValue),
        ("notes", "\udcff", UsageError),
        ("notes", "x" * 100_001, UsageError),
        ("tags", "abc", InvalidValue),
        ("tags", None, InvalidValue),
        ("tags", 5, InvalidValue),
        ("tags", ["\ud800"], UsageError),
        ("tags", [["a"]], UsageError),
    ],
)
def test_values_that_cannot_be_recorded_are_usage_errors(
    bench: Bench, name: str, value: Any, kind: type[UsageError]
) -> None:
    run = bench.start(name="first")
    before = getattr(run, name)
    with pytest.raises(kind, match=name) if name != "tags" else pytest.raises(kind):
        setattr(run, name, value)
    assert getattr(run, name) == before
    assert bench.recorded(run)["name"] == "first"


def test_notes_can_be_taken_away(bench: Bench) -> None:
    run = bench.start()
    run.notes = "two\nlines"
    run.notes = None
    assert run.notes is None
    assert bench.recorded(run)["notes"] == ""


class Int64:
    """As numpy's: no int, but an index."""

    def __index__(self) -> int:
        return 5


def test_steps_of_numpy_are_whole_numbers(bench: Bench) -> None:
    run = bench.start()
    run.log({"a": 1}, step=Int64())
    assert run.step == 5
    run.finish()
    assert [row.step for row in bench.tracker.rows.values()] == [5]


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda config: pickle.loads(pickle.dumps(config))])
def test_a_copy_of_the_config_is_a_dictionary(bench: Bench, again: Any) -> None:
    run = bench.start(config={"lr": 1, "net": {"depth": [3]}})
    run.summary["best"] = 2
    assert (type(again(run.config)), again(run.config)) == (dict, {"lr": 1, "net": {"depth": [3]}})
    assert again(run.summary) == {"best": 2}
    copy.deepcopy(run.config)["net"]["depth"].append(4)
    assert run.config.net == {"depth": [3]}
    assert not hasattr(object.__new__(type(run.config)), "_values")
    run.finish()


def test_defaults_are_set_where_nothing_is(bench: Bench) -> None:
    run = bench.start(config={"lr": 1})
    assert run.config.setdefaults({"lr": 5, "depth": 3}) == {"lr": 1, "depth": 3}
    assert run.config.setdefaults(argparse.Namespace(depth=4, amp=True)) == {"lr": 1, "depth": 3, "amp": True}
    with pytest.raises(InvalidValue):
        run.config.setdefaults({"lr": object(), "bad": object()})
    assert bench.recorded(run)["config"] == {"lr": 1, "depth": 3, "amp": True}


def test_a_stopped_capture_only_passes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    err = io.StringIO()
    found: list[str] = []
    monkeypatch.setattr(sys, "stderr", err)

    def publish(record: Record) -> None:
        found.append(record.output.text)

    capture = ConsoleCapture(publish)
    handler = logging.StreamHandler()
    handler.emit(logging.makeLogRecord({"msg": "inside"}))
    capture.stop()
    handler.emit(logging.makeLogRecord({"msg": "after"}))
    handler.stream.write("half")
    capture.stop()
    assert found == ["inside"]
    assert err.getvalue() == "inside\nafter\nhalf"


def test_what_is_not_utf8_is_captured_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    found: list[str] = []
    monkeypatch.setattr(sys, "stdout", out)
    capture = ConsoleCapture(lambda record: found.append(record.output.text))
    print("name \udcff")
    capture.stop()
    assert found == ["name \\udcff"]
    assert out.getvalue() == "name \udcff\n"
