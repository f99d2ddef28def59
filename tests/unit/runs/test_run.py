"""The run that users hold: what is checked at the call, what is recorded, what it is after its end."""

import argparse
import enum
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.service.fakes import Floor, MemoryTracker
from wabucketref.errors import Conflict, InvalidValue, Unsupported, UsageError
from wabucketref.model.run import RunState
from wabucketref.runs.ids import new_run_id, new_run_name, new_xid
from wabucketref.runs.manager import RunSpec, start_run
from wabucketref.runs.run import Run
from wabucketref.service.client import InProcess


class Bench:
    """Runs over a memory tracker."""

    def __init__(self, directory: Path) -> None:
        self.tracker = MemoryTracker()
        self.floor = Floor(directory, self.tracker)

    def start(self, **spec: Any) -> Run:
        given = {"entity": "ana", "project": "demo", "run_id": "run1", **spec}
        return start_run(InProcess(self.floor.service), RunSpec(**given), finish_timeout=10)

    def recorded(self, run: Run) -> dict[str, Any]:
        """What the tracker has once the run is finished."""
        run.finish()
        assert run.tracking == "recorded"
        found: dict[str, Any] = self.tracker.runs[run.id]
        return found


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.floor.service.close()


def test_what_a_run_is(bench: Bench) -> None:
    run = bench.start(name="first", job_type="train", tags=("a", "a", "b"), config={"lr": 1}, job={"cicd": "x"})
    assert (run.id, run.name, run.project, run.entity, run.path) == ("run1", "first", "demo", "ana", "ana/demo/run1")
    assert (run.job_type, run.tags, run.config.as_dict()) == ("train", ("a", "b"), {"lr": 1, "job": {"cicd": "x"}})
    assert "first" in repr(run)
    assert run.in_short().to_dict()["id"] == "run1"
    found = bench.recorded(run)
    assert (found["name"], found["tags"], found["config"]) == ("first", ("a", "b"), {"lr": 1, "job": {"cicd": "x"}})
    assert "finished" in repr(run)


def test_every_change_is_a_record_by_itself(bench: Bench) -> None:
    run = bench.start()
    run.config["a"] = 1
    run.config.b = 2
    run.config.update({"c": {"d": 3}}, e=4)
    run.config.update(argparse.Namespace(f=5))
    del run.config["a"]
    run.summary["best"] = 0.5
    run.summary.update(worst=1)
    del run.summary["worst"]
    run.name = "second"
    run.notes = "hello"
    run.tags = ("x",)
    assert dict(run.config) == {"b": 2, "c": {"d": 3}, "e": 4, "f": 5}
    assert (run.config.b, len(run.config), "c" in run.config) == (2, 4, True)
    found = bench.recorded(run)
    assert found["config"] == {"b": 2, "c": {"d": 3}, "e": 4, "f": 5}
    assert found["summary"] == {"best": 0.5}
    assert (found["name"], found["notes"], found["tags"]) == ("second", "hello", ("x",))


def test_the_summary_shows_the_last_value_of_each_metric(bench: Bench) -> None:
    run = bench.start()
    run.log({"loss": 3, "acc": 1})
    run.log({"loss": 2})
    assert run.summary["loss"] == 2
    assert run.step == 2
    assert bench.recorded(run)["summary"] == {"loss": 2, "acc": 1}


def test_config_values_can_be_guarded(bench: Bench) -> None:
    run = bench.start(config={"lr": 1})
    run.config.update({"lr": 1, "new": 2}, allow_val_change=False)
    with pytest.raises(UsageError, match="lr"):
        run.config.update({"lr": 3}, allow_val_change=False)
    assert run.config.lr == 1


@pytest.mark.row("M1")
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_m1_floats_that_are_no_numbers_are_kept(bench: Bench, value: float) -> None:
    run = bench.start()
    run.log({"loss": value})
    run.summary["best"] = value
    run.config["limit"] = value
    found = bench.recorded(run)
    assert [repr(found["summary"][key]) for key in ("loss", "best")] == [repr(value)] * 2
    assert repr(found["config"]["limit"]) == repr(value)


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.row("M2")
def test_m2_what_can_be_recorded_is_made_plain(bench: Bench) -> None:
    run = bench.start()
    run.log({"big": 2**53 + 1, "huge": 10**400, "path": Path("/x"), "enum": Colour.RED, "set": {2, 1}, "zero": -0.0})
    row = bench.tracker.rows
    run.finish()
    values = row[0].values
    assert values["big"] == 2**53 + 1
    assert values["huge"] == str(10**400)
    assert (values["path"], values["enum"], values["set"]) == ("/x", "red", [1, 2])
    assert str(values["zero"]) == "-0.0"


deep: Any = {}
for _ in range(10_000):
    deep = {"x": deep}
cyclic: dict[str, Any] = {}
cyclic["self"] = cyclic

BAD = {
    "bytes": {"a": b"x"},
    "object": {"a": object()},
    "cyclic": cyclic,
    "deep": deep,
    "key not text": {1: 2},
    "empty key": {"": 1},
    "clash": {"a.b": 1, "a": {"b": 2}},
    "many keys": {str(number): number for number in range(100_000)},
    "long text": {"a": "x" * 50_000_000},
    "surrogate": {"a": "\ud800"},
    "complex": {"a": 1j},
}


@pytest.mark.row("M3")
@pytest.mark.parametrize("name", BAD)
def test_m3_what_cannot_be_recorded_raises_at_the_call_and_the_run_goes_on(bench: Bench, name: str) -> None:
    run = bench.start()
    for record in (run.log, run.config.update, run.summary.update):
        with pytest.raises(InvalidValue) as caught:
            record(BAD[name])
        assert isinstance(caught.value, TypeError)
        assert caught.value.exit_code == 2
    run.log({"after": 1})
    found = bench.recorded(run)
    assert found["summary"] == {"after": 1}
    assert list(bench.tracker.rows) == [0]


@pytest.mark.parametrize("data", [None, 5, "loss", [1], ("a", 1)])
def test_log_takes_a_mapping(bench: Bench, data: Any) -> None:
    run = bench.start()
    with pytest.raises((UsageError, InvalidValue)):
        run.log(data)
    run.finish()


@pytest.mark.row("M4")
def test_m4_the_value_at_the_call_counts(bench: Bench) -> None:
    run = bench.start()
    values = {"list": [0], "number": 0}
    for number in range(200):
        values["list"][0] = number  # type: ignore[index]
        run.log(values)
    config = {"x": [1]}
    run.config["c"] = config
    config["x"].append(2)
    found = bench.recorded(run)
    assert [row.values["list"] for _, row in sorted(bench.tracker.rows.items())] == [[number] for number in range(200)]
    assert found["config"]["c"] == {"x": [1]}


@pytest.mark.row("M6")
@pytest.mark.parametrize("step", [1.5, "3", True, -1, 10**18])
def test_m6_steps_that_are_none(bench: Bench, step: Any) -> None:
    run = bench.start()
    with pytest.raises(UsageError, match="step"):
        run.log({"a": 1}, step=step)
    run.log({"a": 2})
    run.finish()
    assert list(bench.tracker.rows) == [0]


@pytest.mark.row("M6")
@pytest.mark.parametrize("tag", ["", "x" * 65, "a\nb", "\x1b[31m", 5])
def test_m6_tags_that_are_none(bench: Bench, tag: Any) -> None:
    with pytest.raises(UsageError):
        bench.start(tags=(tag,))
    run = bench.start()
    with pytest.raises(UsageError):
        run.tags = [tag]
    assert run.tags == ()
    run.finish()


@pytest.mark.row("M6")
def test_m6_after_the_end_it_is_read_only(bench: Bench) -> None:
    run = bench.start(config={"a": 1})
    run.finish()
    run.finish()
    for use in (
        lambda: run.log({"a": 1}),
        lambda: run.config.update(a=2),
        lambda: run.summary.update(a=2),
        lambda: setattr(run, "name", "x"),
        lambda: setattr(run, "tags", ("x",)),
    ):
        with pytest.raises(UsageError, match="finished"):
            use()
    assert (run.config.a, run.name, run.finished) == (1, run.name, True)


def test_what_it_does_not_have_is_said(bench: Bench) -> None:
    run = bench.start()
    with pytest.raises(Unsupported, match=r"run\.watch") as caught:
        run.watch(None)
    assert "supported: log" in (caught.value.hint or "")
    assert not hasattr(run, "alert")
    with pytest.raises(AttributeError):
        _ = run.config.nothing
    with pytest.raises(KeyError):
        del run.config["nothing"]
    run.finish()


@pytest.mark.parametrize(
    ("how", "state", "code"),
    [
        (None, "finished", 0),
        (ValueError, "failed", 1),
        (KeyboardInterrupt, "killed", 130),
    ],
)
def test_a_block_ends_it(bench: Bench, how: type[BaseException] | None, state: str, code: int) -> None:
    run = bench.start()
    if how is None:
        with run:
            pass
    else:
        with pytest.raises(how), run:
            raise how
    found = bench.tracker.runs["run1"]
    assert (found["state"], found["exit_code"]) == (state, code)


def test_a_given_state_counts(bench: Bench) -> None:
    run = bench.start()
    run.finish(1, state=RunState.CRASHED)
    assert bench.tracker.runs["run1"]["state"] == "crashed"


def test_many_threads_log(bench: Bench) -> None:
    run = bench.start()

    def write(thread: int) -> None:
        for number in range(40):
            run.log({"n": number})
            run.config[f"t{thread}"] = number

    threads = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert run.step == 640
    found = bench.recorded(run)
    assert sorted(bench.tracker.rows) == list(range(640))
    assert found["config"] == {f"t{number}": 39 for number in range(16)}


@pytest.mark.parametrize("run_id", ["", "a/b", "../x", ".x", "ä", "x" * 129, "a b"])
def test_ids_that_are_none(bench: Bench, run_id: str) -> None:
    with pytest.raises(UsageError):
        bench.start(run_id=run_id or "/")


def test_two_runs_of_one_id_are_a_conflict(bench: Bench, tmp_path: Path) -> None:
    run = bench.start()
    other = Floor(tmp_path, MemoryTracker())
    with pytest.raises(Conflict, match="run1"):
        start_run(InProcess(other.service), RunSpec(entity="ana", project="demo", run_id="run1"), finish_timeout=1)
    other.service.close()
    run.finish()


def test_ids_and_names_are_made_up() -> None:
    assert len({new_xid() for _ in range(100)}) == 100
    assert all(len(new_run_id()) == 8 and new_run_id().isalnum() for _ in range(100))
    assert new_run_name("abcdefgh").endswith("-abcd")
