"""The file stream: in order, in batches, acknowledged, never stuck."""

import threading
import time
from collections.abc import Iterator

import pytest

from tests.unit.service.fakes import KEY, ONCE, MemoryTracker, eventually
from wabucketref.errors import TransientError, UsageError
from wabucketref.model.run import ConsoleLine, RunUpdate
from wabucketref.service import filestream as module
from wabucketref.service.convert import to_json
from wabucketref.service.filestream import FileStream, Item, LoggedRow, SummaryChange
from wabucketref.service.gate import TrackerGate


def row(index: int, *calls: dict[str, object]) -> LoggedRow:
    texts = [to_json(call) for call in calls or ({"loss": index},)]
    return LoggedRow(index, index, float(index), ",".join(texts), len(texts))


class Bench:
    """A file stream over a memory tracker."""

    def __init__(self) -> None:
        self.tracker = MemoryTracker()
        self.tracker.upsert_run(RunUpdate(KEY))
        self.gate = TrackerGate(self.tracker, ONCE)  # type: ignore[arg-type]
        self.acknowledged: list[int] = []
        self.stream = FileStream(KEY, self.gate, self.acknowledged.extend)
        self.stream.start()

    def put(self, *items: Item) -> None:
        self.stream.put(range(len(items)), items)

    def put_rows(self, count: int, step: int = 1) -> None:
        for start in range(0, count, step):
            indexes = range(start, start + step)
            self.stream.put(indexes, map(row, indexes))

    def flush(self, seconds: float = 10) -> bool:
        return self.stream.flush(time.monotonic() + seconds)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.stream.close()


def test_rows_arrive_in_order_in_few_batches_and_are_acknowledged(bench: Bench) -> None:
    bench.put_rows(3000)
    assert bench.flush()
    sent = [index for batch in bench.tracker.row_batches for index in batch]
    assert sent == list(range(3000))
    assert len(bench.tracker.row_batches) < 3000, "what is queued goes together"
    assert eventually(lambda: bench.acknowledged == list(range(3000)))


def test_rows_put_together_arrive_together(bench: Bench) -> None:
    bench.put_rows(1000, step=1000)
    assert bench.flush()
    assert bench.tracker.row_batches == [list(range(1000))]


def test_the_calls_of_a_row_are_put_together_the_last_value_wins(bench: Bench) -> None:
    nan = {"a": float("nan"), "b": "\u00e4\u20ac", "nested": {"x": [1, 2.5, None, True]}}
    bench.put(row(0, {"a": 1, "b": 1}, {"b": 2}, {"c": 3, "a": 4}), row(1, {}), row(2, nan))
    assert bench.flush()
    rows = bench.tracker.rows
    assert (rows[0].values, rows[0].values_json) == ({"a": 4, "b": 2, "c": 3}, None)
    assert (rows[1].values, rows[1].values_json) == ({}, "{}")
    assert str(rows[2].values) == str(nan)
    assert rows[2].values_json == to_json(nan)


def test_text_that_is_not_ascii_is_left_to_the_tracker_to_write(bench: Bench) -> None:
    """Journals of earlier releases have such."""
    bench.put(LoggedRow(0, 0, 0.0, '{"a":"\u00e4"}', 1))
    assert bench.flush()
    assert (bench.tracker.rows[0].values, bench.tracker.rows[0].values_json) == ({"a": "\u00e4"}, None)


def test_the_summary_follows_the_order_of_rows_and_own_changes(bench: Bench) -> None:
    bench.put(
        row(0, {"loss": 3, "acc": 1}),
        SummaryChange({"loss": 99, "best": 1}),
        SummaryChange({}, ("acc", "best")),
        row(1, {"loss": 2, "system/cpu": 50}),
        SummaryChange({"best": 2}),
    )
    assert bench.flush()
    assert bench.tracker.runs[KEY.run_id]["summary"] == {"loss": 2, "best": 2}


def test_a_key_removed_in_one_batch_and_set_again_stays(bench: Bench) -> None:
    bench.put(SummaryChange({}, ("a",)), row(0, {"a": 1}))
    assert bench.flush()
    assert bench.tracker.runs[KEY.run_id]["summary"] == {"a": 1}


def test_console_lines(bench: Bench) -> None:
    bench.put(*(ConsoleLine(index, "stdout", 0.0, f"line {index}") for index in range(3)))
    assert bench.flush()
    assert [line.text for line in bench.tracker.lines.values()] == ["line 0", "line 1", "line 2"]


def test_flush_holds_its_deadline_against_a_stuck_tracker(bench: Bench) -> None:
    release = threading.Event()
    bench.tracker.before = lambda name: (release.wait(10), None)[1]
    bench.put_rows(1)
    begun = time.monotonic()
    assert not bench.flush(0.1)
    assert time.monotonic() - begun < 2
    release.set()
    assert bench.flush()
    assert eventually(lambda: bench.acknowledged == [0])


def test_back_pressure_blocks_and_goes_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_QUEUED", 10)
    release = threading.Event()
    bench.tracker.before = lambda name: (release.wait(10), None)[1]
    writer = threading.Thread(target=bench.put_rows, args=(100,))
    writer.start()
    writer.join(0.2)
    assert writer.is_alive(), "the queue is bounded"
    release.set()
    writer.join(10)
    assert not writer.is_alive()
    assert bench.flush()
    assert sorted(bench.tracker.rows) == list(range(100))


def test_closing_frees_who_is_blocked(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_QUEUED", 2)
    release = threading.Event()
    bench.tracker.before = lambda name: (release.wait(10), None)[1]
    writer = threading.Thread(target=bench.put_rows, args=(50,))
    writer.start()
    writer.join(0.1)
    bench.stream.close()
    writer.join(5)
    assert not writer.is_alive()
    release.set()


@pytest.mark.parametrize(
    "error", [TransientError("down"), UsageError("refused"), RuntimeError("a defect")], ids=["down", "refused", "bug"]
)
def test_after_a_failure_nothing_is_acknowledged_and_nobody_blocks(bench: Bench, error: Exception) -> None:
    def fail(name: str) -> None:
        raise error

    bench.tracker.before = fail
    bench.put_rows(5000)
    assert bench.flush()
    assert bench.acknowledged == []
    assert bench.gate.tracking == "pending"
    assert str(error) in str(bench.gate.cause)
