"""The sender's pace: rows some at a time with rests between, everything else at once, nothing out of order."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.service.fakes import KEY, Floor, MemoryTracker, eventually, failing, upload_plan
from wabucketref.errors import TransientError
from wabucketref.model.run import RunState
from wabucketref.service import journal as journal_module
from wabucketref.service import sender as module
from wabucketref.service.client import RunClient
from wabucketref.service.journal import Journal
from wabucketref.service.stream import Stream
from wabucketref.service.wabucket_pb2 import ConfigRecord, HistoryRecord, Record


def row(number: int, text: str | None = None) -> Record:
    return Record(history=HistoryRecord(step=-1, values_json=text or f'{{"n": {number}}}', commit=True))


@pytest.fixture
def resting(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunClient]:
    """A run whose sender has read all there is, and rests for long."""
    monkeypatch.setattr(module, "_REST", 60.0)
    client = floor.start()
    sender = floor.service.stream(KEY.run_id).sender
    assert eventually(lambda: sender._read_at > time.monotonic() + 30)
    yield client
    floor.service.close()


def flushed(stream: Stream) -> None:
    """All that is journaled now has come to the tracker."""
    met = threading.Event()
    stream.sender.errand(met.set)
    assert met.wait(10)
    assert stream.sender.filestream.flush(time.monotonic() + 10)


def test_rows_wait_for_the_rest_to_end_and_go_together(
    floor: Floor, tracker: MemoryTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REST", 0.3)
    client = floor.start()
    time.sleep(0.05)
    for number in range(500):
        client.publish(row(number))
    assert eventually(lambda: len(tracker.rows) == 500)
    assert len(tracker.row_batches) <= 3
    client.finish(0, RunState.FINISHED, 10)


def test_anything_but_rows_ends_the_rest_and_takes_the_rows_before_it_along(
    resting: RunClient, floor: Floor, tracker: MemoryTracker
) -> None:
    for number in range(3):
        resting.publish(row(number))
    assert tracker.rows == {}
    resting.publish(Record(config=ConfigRecord(update_json='{"lr": 1}')))
    assert eventually(lambda: len(tracker.rows) == 3 and tracker.runs[KEY.run_id]["config"] == {"lr": 1})
    assert resting.send(upload_plan(), lambda done: done).wait(10).version == "v0"


def test_the_end_of_the_run_ends_the_rest(resting: RunClient, tracker: MemoryTracker) -> None:
    for number in range(3):
        resting.publish(row(number))
    begun = time.monotonic()
    assert resting.finish(0, RunState.FINISHED, 10) == "recorded"
    assert time.monotonic() - begun < 5
    assert len(tracker.rows) == 3


def test_closing_ends_the_rest(resting: RunClient, floor: Floor) -> None:
    resting.publish(row(1))
    begun = time.monotonic()
    floor.service.close()
    assert time.monotonic() - begun < 5


def test_a_long_journal_is_read_a_piece_at_a_time(
    resting: RunClient, floor: Floor, tracker: MemoryTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "_CHUNK", 1000)
    large = '{"x": "' + "y" * 5000 + '"}'
    for number in range(100):
        resting.publish(row(number, large if number == 50 else None))
    stream = floor.service.stream(KEY.run_id)
    pieces: list[int] = []
    read = stream.journal.read
    monkeypatch.setattr(stream.journal, "read", lambda at: pieces.append(len(found := read(at))) or found)
    flushed(stream)
    assert len(pieces) >= 5
    assert 1 in pieces, "a record larger than a piece is a piece of its own"
    assert max(pieces) < 40
    assert sorted(tracker.rows) == list(range(100))
    assert [index for batch in tracker.row_batches for index in batch] == list(range(100))


def test_behind_the_journals_end_the_rest_is_short(resting: RunClient, floor: Floor) -> None:
    sender = floor.service.stream(KEY.run_id).sender
    resting.publish(row(0))
    assert sender._rest_after(0.01) == pytest.approx(0.3), "in proportion to what the last piece took"
    resting.publish(row(1))
    assert sender._rest_after(10.0) == 60.0, "a bound, so that whoever looks at the run is not far behind"


def test_who_pauses_is_caught_up_with_in_one_go(
    floor: Floor, tracker: MemoryTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "_CHUNK", 1000)
    monkeypatch.setattr(module, "_REST", 0.2)
    monkeypatch.setattr(module, "_REST_FOR_WORK", 1e9)
    client = floor.start()
    for number in range(500):
        client.publish(row(number))
    assert eventually(lambda: len(tracker.rows) == 500), "25 pieces would take 5 s with the long rest"
    client.finish(0, RunState.FINISHED, 10)


@pytest.mark.row("V2", "L9")
def test_with_the_tracker_down_nothing_piles_up_in_memory(floor: Floor, tracker: MemoryTracker) -> None:
    tracker.before = failing("append_history", error=TransientError("down"))
    client = floor.start()
    stream = floor.service.stream(KEY.run_id)
    client.publish(row(0))
    flushed(stream)
    mark = stream.sender.acknowledged
    for number in range(2000):
        client.publish(row(number))
    flushed(stream)
    assert stream.sender.acknowledged == mark
    assert len(stream.sender._acks._outstanding) < 10
    assert stream.sender.partial_row == []
    assert client.finish(0, RunState.FINISHED, 10) == "pending"
    assert [record.history.index for _, record in records(floor) if record.HasField("history")] == list(range(2001))


def records(floor: Floor) -> list[tuple[int, Record]]:
    journal = Journal.open(floor.journals[0])
    try:
        return list(journal.scan())
    finally:
        journal.close()


def test_its_reader_is_told_of_the_first_row_and_of_each_urgent_record(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / "one.journal")
    told: list[int] = []
    journal.changed.notify_all = lambda: told.append(journal.end)  # type: ignore[method-assign]
    start = journal.end
    ends = [journal.append(row(number), urgent=number in (3, 5)) for number in range(8)]
    assert told == [ends[0], ends[3], ends[5]]
    assert journal.urgent == ends[5]
    assert [end for end, _ in journal.read(start)] == ends
    ends += [journal.append(row(number), urgent=False) for number in range(2)]
    assert told[3:] == [ends[8]]
    journal.remove()
