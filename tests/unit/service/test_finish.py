"""The end of a run: every stage in order, one deadline, and the journal kept when it does not hold."""

import threading
import time

import pytest

from tests.unit.service.conftest import MakeFloor
from tests.unit.service.fakes import KEY, Floor, MemoryPlane, MemoryTracker, upload_plan
from wabucketref.errors import TimedOut, UsageError
from wabucketref.model.run import RunState
from wabucketref.service import frames
from wabucketref.service.wabucket_pb2 import Defer, HistoryRecord, OutputRecord, Record

IN_ORDER = [
    "BEGIN",
    "FLUSH_STATS",
    "FLUSH_PARTIAL_HISTORY",
    "FLUSH_SUMMARY",
    "FLUSH_TRANSFERS",
    "FLUSH_ARTIFACTS",
    "FLUSH_STREAM",
    "FLUSH_FINAL",
    "END",
]


def row(commit: bool = True) -> Record:
    return Record(history=HistoryRecord(step=-1, values_json='{"a": 1}', commit=commit))


def read(floor: Floor) -> list[Record]:
    data = floor.journals[0].read_bytes()
    return [Record.FromString(payload) for _, payload in frames.decode(data, len(frames.MAGIC))]


def stages(seen: list[tuple[str, str, str]], source: str) -> list[str]:
    return [message.split()[1] for hop, _, message in seen if hop == source and message.startswith("Defer")]


def test_every_stage_is_walked_in_order_and_answered_by_the_sender(make_floor: MakeFloor) -> None:
    seen: list[tuple[str, str, str]] = []
    floor = make_floor(MemoryTracker(), trace=lambda *hop: seen.append((hop[0], hop[1], str(hop[2]))))
    floor.start().finish(0, RunState.FINISHED, 10)
    assert Defer.Stage.keys() == IN_ORDER
    assert stages(seen, "finish") == IN_ORDER
    assert stages(seen, "SenderT") == IN_ORDER
    both = [(hop, message) for hop, _, message in seen if message.startswith("Defer") and hop != "client"]
    assert [hop for hop, _ in both] == ["finish", "SenderT"] * len(IN_ORDER)


def test_the_door_closes_first(floor: Floor, tracker: MemoryTracker) -> None:
    client = floor.start()
    stream = floor.service.stream(KEY.run_id)
    client.publish(Record(output=OutputRecord(stream="stdout", text="bye")))
    client.finish(0, RunState.FINISHED, 10)
    assert [line.text for line in tracker.lines.values()] == ["bye"]
    with pytest.raises(UsageError, match="finished"):
        stream.handler.record(row())


def test_artifacts_are_recorded_before_the_run_ends(make_floor: MakeFloor) -> None:
    release = threading.Event()
    tracker = MemoryTracker()
    floor = make_floor(tracker, MemoryPlane(during=lambda xid, cancel: (release.wait(10), None)[1]))
    client = floor.start()
    client.send(upload_plan(), lambda done: done)
    threading.Timer(0.1, release.set).start()
    assert client.finish(0, RunState.FINISHED, 10) == "recorded"
    assert tracker.calls[-2:] == ["log_artifact", "finish_run"]


def test_the_deadline_holds_against_a_stuck_transfer_and_the_journal_is_kept(make_floor: MakeFloor) -> None:
    floor = make_floor(MemoryTracker(), MemoryPlane(during=lambda xid, cancel: cancel.wait(30)))
    client = floor.start()
    client.send(upload_plan(), lambda done: done)
    begun = time.monotonic()
    with pytest.raises(TimedOut, match="FLUSH_TRANSFERS") as caught:
        client.finish(0, RunState.FINISHED, 0.2)
    assert time.monotonic() - begun < 5
    assert "wabucket sync" in (caught.value.hint or "")
    assert len(floor.journals) == 1


def test_a_run_with_an_operation_under_way_is_not_recorded_as_ended(make_floor: MakeFloor) -> None:
    tracker = MemoryTracker()
    floor = make_floor(tracker, MemoryPlane(during=lambda xid, cancel: cancel.wait(30)))
    client = floor.start()
    client.send(upload_plan(), lambda done: done)
    with pytest.raises(TimedOut):
        client.finish(0, RunState.FINISHED, 0.2)
    kinds = [record.WhichOneof("kind") for record in read(floor)]
    assert "exit" not in kinds
    assert "finish_run" not in tracker.calls
    assert tracker.runs[KEY.run_id]["state"] == "running"


def test_the_deadline_holds_against_a_stuck_tracker(floor: Floor, tracker: MemoryTracker) -> None:
    client = floor.start()
    release = threading.Event()
    tracker.before = lambda name: (release.wait(20), None)[1]
    client.publish(row())
    begun = time.monotonic()
    with pytest.raises(TimedOut):
        client.finish(0, RunState.FINISHED, 0.2)
    assert time.monotonic() - begun < 8
    release.set()
    assert len(floor.journals) == 1


def test_an_open_row_is_part_of_the_end(floor: Floor, tracker: MemoryTracker) -> None:
    client = floor.start()
    client.publish(row(commit=False))
    client.finish(0, RunState.FINISHED, 10)
    assert len(tracker.rows) == 1
    assert tracker.runs[KEY.run_id]["summary"] == {"a": 1}
    assert tracker.calls.index("append_history") < tracker.calls.index("finish_run")
