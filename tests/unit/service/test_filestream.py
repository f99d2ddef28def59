"""The file stream: in order, in batches, acknowledged, never stuck."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.unit.service.fakes import KEY, ONCE, MemoryTracker
from wabucketref.errors import TransientError, UsageError
from wabucketref.model.run import ConsoleLine, HistoryRow, RunUpdate
from wabucketref.service import filestream as module
from wabucketref.service.filestream import FileStream, SummaryChange
from wabucketref.service.gate import TrackerGate


def row(index: int, **values: object) -> HistoryRow:
    return HistoryRow(index, index, float(index), values or {"loss": index})


class Bench:
    """A file stream over a memory tracker."""

    def __init__(self) -> None:
        self.tracker = MemoryTracker()
        self.tracker.upsert_run(RunUpdate(KEY))
        self.gate = TrackerGate(self.tracker, ONCE)  # type: ignore[arg-type]
        self.acknowledged: list[int] = []
        self.stream = FileStream(KEY, self.gate, self.acknowledged.extend)
        self.stream.start()

    def put_rows(self, count: int, start: int = 0) -> None:
        for index in range(start, start + count):
            self.stream.put((index,), row(index))

    def flush(self, seconds: float = 10) -> bool:
        return self.stream.flush(time.monotonic() + seconds)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.stream.close()


def eventually(condition: Callable[[], bool], seconds: float = 5) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def test_rows_arrive_in_order_in_few_batches_and_are_acknowledged(bench: Bench) -> None:
    bench.put_rows(3000)
    assert bench.flush()
    sent = [index for batch in bench.tracker.row_batches for index in batch]
    assert sent == list(range(3000))
    assert len(bench.tracker.row_batches) <= 10
    assert eventually(lambda: bench.acknowledged == list(range(3000)))


def test_few_rows_go_by_themselves_after_a_moment(bench: Bench) -> None:
    bench.put_rows(2)
    assert bench.tracker.rows == {}
    assert eventually(lambda: len(bench.tracker.rows) == 2)
    assert len(bench.tracker.row_batches) == 1


def test_a_full_batch_does_not_wait_for_the_moment(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_INTERVAL", 60.0)
    bench.put_rows(1)
    bench.put_rows(module._MAX_BATCH, 1)
    assert eventually(lambda: len(bench.tracker.rows) >= module._MAX_BATCH)


def test_the_summary_follows_the_order_of_rows_and_own_changes(bench: Bench) -> None:
    bench.stream.put((0,), row(0, loss=3, acc=1))
    bench.stream.put((1,), SummaryChange({"loss": 99, "best": 1}))
    bench.stream.put((2,), SummaryChange({}, ("acc", "best")))
    bench.stream.put((3,), row(1, loss=2, **{"system/cpu": 50}))
    bench.stream.put((4,), SummaryChange({"best": 2}))
    assert bench.flush()
    assert bench.tracker.runs[KEY.run_id]["summary"] == {"loss": 2, "best": 2}


def test_a_key_removed_in_one_batch_and_set_again_stays(bench: Bench) -> None:
    bench.stream.put((0,), SummaryChange({}, ("a",)))
    bench.stream.put((1,), row(0, a=1))
    assert bench.flush()
    assert bench.tracker.runs[KEY.run_id]["summary"] == {"a": 1}


def test_console_lines(bench: Bench) -> None:
    for index in range(3):
        bench.stream.put((index,), ConsoleLine(index, "stdout", 0.0, f"line {index}"))
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
    monkeypatch.setattr(module, "_MAX_BATCH", 4)
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
