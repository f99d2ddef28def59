"""What a journal leads to after a crash: every prefix of a real one, on trackers that had seen any part of it."""

import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.service.fakes import (
    KEY,
    Floor,
    MemoryPlane,
    MemoryTracker,
    download_plan,
    failing,
    link_plan,
    upload_plan,
)
from wabucketref.errors import (
    AliasTaken,
    IntegrityError,
    LocalIOError,
    NotAuthorised,
    TransientError,
    WaBucketError,
)
from wabucketref.model.run import RunState
from wabucketref.operations.sync import SyncedRun, _finish
from wabucketref.service import frames
from wabucketref.service.journal import Journal
from wabucketref.service.recovery import Recovered, recover
from wabucketref.service.wabucket_pb2 import (
    ConfigRecord,
    HistoryRecord,
    OutputRecord,
    Record,
    RunRecord,
    SummaryRecord,
    Tags,
)

Outcome = tuple[Any, Recovered, SyncedRun]


def history(step: int, text: str, *, commit: bool = True) -> Record:
    return Record(history=HistoryRecord(step=step, time=1.0, values_json=text, commit=commit))


def a_session(floor: Floor) -> None:
    """One of everything, then a proper end."""
    client = floor.start()
    client.publish(history(-1, '{"loss": 3}'))
    client.publish(history(-1, '{"loss": 2}', commit=False))
    client.send(upload_plan("up"), as_is).wait(10)
    client.publish(history(-1, '{"acc": 1}'))
    client.publish(Record(config=ConfigRecord(update_json='{"lr": 1, "b": 2}', removed=["gone"])))
    client.publish(Record(output=OutputRecord(stream="stdout", time=1.0, text="hello")))
    with pytest.raises(AliasTaken):
        client.send(upload_plan("bad", source="/other"), as_is).wait(10)
    client.publish(Record(summary=SummaryRecord(update_json='{"best": 1}', removed=["acc"])))
    client.send(link_plan("link"), as_is).wait(10)
    client.publish(Record(run=RunRecord(tags=Tags(tag=["x"]), name="two")))
    client.send(download_plan("down"), as_is).wait(10)
    client.publish(history(7, '{"last": 1}', commit=False))
    client.finish(0, RunState.FINISHED, 10)


def as_is(done: Any) -> Any:
    return done


def journal_of(directory: Path, session: Callable[[Floor], None], plane: MemoryPlane | None = None) -> bytes:
    """The journal of a session that no tracker has seen."""
    floor = Floor(directory, None, plane)
    session(floor)
    floor.service.close()
    return floor.journals[0].read_bytes()


def prefixes(journal: bytes) -> list[bytes]:
    ends = [end for end, _ in frames.decode(journal, len(frames.MAGIC))]
    return [journal[:end] for end in ends]


def replay(directory: Path, journal: bytes, tracker: MemoryTracker, plane: MemoryPlane) -> Outcome:
    """As ``sync`` does it."""
    floor = Floor(directory, tracker, plane)
    path = directory / "journal" / f"{KEY.run_id}.journal"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(journal)
    stream, recovered = floor.service.recover(path)
    settings = SimpleNamespace(deadline=10.0, finish_timeout=10.0)
    synced = _finish(SimpleNamespace(settings=settings), stream, recovered)  # type: ignore[arg-type]
    floor.service.close()
    assert path.exists() == (synced.outcome == "pending"), "a journal stays while it is needed"
    return tracker.end_state(), recovered, synced


@pytest.fixture
def journal(tmp_path: Path) -> bytes:
    return journal_of(tmp_path / "origin", a_session)


def test_the_whole_journal_replays_to_what_the_tracker_would_have_seen(tmp_path: Path, journal: bytes) -> None:
    online = MemoryTracker()
    floor = Floor(tmp_path / "online", online)
    a_session(floor)
    floor.service.close()
    state, _, synced = replay(tmp_path, journal, MemoryTracker(), MemoryPlane())
    assert (synced.outcome, synced.artifacts) == ("recorded", ["dataset/cats:a1", "dataset/cats:linked"])
    assert state == online.end_state()
    assert state[0][KEY.run_id]["state"] == "finished"


def test_every_prefix_replays_to_the_same_end_from_any_start(tmp_path: Path, journal: bytes) -> None:
    for number, prefix in enumerate(prefixes(journal)):
        home = tmp_path / str(number)
        home.mkdir()
        fresh, recovered, synced = replay(home, prefix, MemoryTracker(), plane_of(prefix))
        assert synced.outcome == "recorded"
        again = MemoryTracker()
        plane = plane_of(prefix)
        for _ in range(2):  # a crash of sync itself, after the tracker had everything
            state, *_ = replay(home, prefix, again, plane)
            assert state == fresh, f"prefix of {number + 1} records"
        check_end(fresh, recovered, prefix)


def plane_of(prefix: bytes) -> MemoryPlane:
    """A bucket in which is what the journal says is there."""
    plane = MemoryPlane()
    kinds = [Record.FromString(payload) for _, payload in frames.decode(prefix, len(frames.MAGIC))]
    if any(record.HasField("artifact") and record.artifact.xid == "up" for record in kinds):
        plane._commit("up", upload_plan().ref, "memory://b", "blake3:/data")
    return plane


def check_end(state: Any, recovered: Recovered, prefix: bytes) -> None:
    runs, rows, lines, versions, outputs, uses = state
    records = [Record.FromString(payload) for _, payload in frames.decode(prefix, len(frames.MAGIC))]
    kinds = [record.WhichOneof("kind") for record in records]
    run = runs[KEY.run_id]
    assert run["state"] == ("finished" if "exit" in kinds else "crashed")
    assert run["exit_code"] == (0 if "exit" in kinds else 1)
    assert list(rows) == list(range(len({record.history.index for record in records if record.HasField("history")})))
    assert len(lines) == kinds.count("output")
    assert (
        len(versions)
        == len(outputs)
        == sum(
            (record.HasField("artifact") and record.artifact.xid == "up") or record.HasField("link")
            for record in records
        )
    )
    assert len(uses) == kinds.count("fetched"), "a download nobody waits for is not repeated"
    assert recovered.state.xids >= recovered.settled


def test_a_replay_cut_short_at_any_record_goes_on(tmp_path: Path, journal: bytes) -> None:
    wanted, *_ = replay(tmp_path, journal, MemoryTracker(), MemoryPlane())
    for stop in itertools.count():
        tracker, left = MemoryTracker(), [stop]

        def fail(name: str, left: list[int] = left) -> None:
            if left[0] <= 0:
                raise TransientError("down")
            left[0] -= 1

        tracker.before = fail
        state, _, synced = replay(tmp_path, journal, tracker, MemoryPlane())
        if synced.outcome == "recorded":  # fewer calls than that: rows that are there together go together
            assert state == wanted
            assert stop > 8
            return
        assert (synced.outcome, synced.error) == ("pending", "down")
        kept = (tmp_path / "journal" / f"{KEY.run_id}.journal").read_bytes()
        assert kept.startswith(journal)
        tracker.before = lambda name: None
        state, _, synced = replay(tmp_path, kept, tracker, MemoryPlane())
        assert synced.outcome == "recorded"
        assert state == wanted, f"stopped after {stop} calls"


def test_what_was_acknowledged_is_not_sent_again(tmp_path: Path) -> None:
    tracker = MemoryTracker()
    floor = Floor(tmp_path, tracker)
    client = floor.start()
    for number in range(5):
        client.publish(history(-1, f'{{"a": {number}}}'))
    stream = floor.service.stream(KEY.run_id)
    met = threading.Event()
    stream.sender.errand(met.set)  # the sender has handed on all rows
    assert met.wait(10)
    assert stream.sender.filestream.flush(time.monotonic() + 10)
    floor.service.close()
    tracker.row_batches.clear()
    journal = floor.journals[0].read_bytes()
    (tmp_path / "second").mkdir()
    state, recovered, _ = replay(tmp_path / "second", journal, tracker, MemoryPlane())
    assert recovered.position > len(frames.MAGIC)
    assert tracker.row_batches == []
    assert list(state[1]) == list(range(5))


# ---- single operations -----------------------------------------------------------------------------------------------


def killed_upload(floor: Floor) -> None:
    floor.plane.during = lambda xid, cancel: cancel.wait(30)
    floor.start(single_operation=True).send(upload_plan(), as_is)


def test_an_upload_that_never_committed_is_carried_out_again(tmp_path: Path) -> None:
    journal = journal_of(tmp_path, killed_upload)
    plane = MemoryPlane()
    state, _, synced = replay(tmp_path, journal, MemoryTracker(), plane)
    assert (synced.outcome, synced.artifacts) == ("recorded", ["dataset/cats:a1"])
    assert plane.uploads == ["x1"]
    assert (state[0][KEY.run_id]["state"], state[0][KEY.run_id]["exit_code"]) == ("finished", 0)


def test_an_upload_that_did_commit_is_not_carried_out_again(tmp_path: Path) -> None:
    journal = journal_of(tmp_path, killed_upload)
    plane = MemoryPlane()
    plane._commit("x1", upload_plan().ref, "memory://b", "blake3:/data")
    state, _, synced = replay(tmp_path, journal, MemoryTracker(), plane)
    assert synced.artifacts == ["dataset/cats:a1"]
    assert plane.uploads == []
    assert len(state[3]) == 1


def test_an_upload_whose_alias_another_took_meanwhile_fails_for_good(tmp_path: Path) -> None:
    journal = journal_of(tmp_path, killed_upload)
    plane = MemoryPlane()
    plane._commit("rival", upload_plan().ref, "memory://b", "blake3:/rival")
    state, _, synced = replay(tmp_path, journal, MemoryTracker(), plane)
    assert (synced.outcome, synced.state, synced.artifacts) == ("recorded", "failed", [])
    assert (state[0][KEY.run_id]["state"], state[0][KEY.run_id]["exit_code"]) == ("failed", 6)
    assert state[3] == []


@pytest.mark.parametrize("error", [TransientError("net"), NotAuthorised("key"), LocalIOError("disk")])
def test_what_may_pass_leaves_the_operation_for_later(tmp_path: Path, error: WaBucketError) -> None:
    journal = journal_of(tmp_path, killed_upload)

    def fail(xid: str, cancel: object) -> None:
        raise error

    tracker = MemoryTracker()
    *_, synced = replay(tmp_path, journal, tracker, MemoryPlane(during=fail))
    assert (synced.outcome, synced.error) == ("pending", error.message)
    assert tracker.runs[KEY.run_id]["state"] == "running"
    kept = (tmp_path / "journal" / f"{KEY.run_id}.journal").read_bytes()
    state, _, synced = replay(tmp_path, kept, tracker, MemoryPlane())
    assert (synced.outcome, synced.artifacts) == ("recorded", ["dataset/cats:a1"])
    assert (state[0][KEY.run_id]["state"], state[0][KEY.run_id]["exit_code"]) == ("finished", 0)


def test_a_download_is_not_repeated(tmp_path: Path) -> None:
    def killed(floor: Floor) -> None:
        floor.plane.during = lambda xid, cancel: cancel.wait(30)
        floor.start(single_operation=True).send(download_plan(), as_is)

    journal = journal_of(tmp_path, killed)
    state, _, synced = replay(tmp_path, journal, MemoryTracker(), MemoryPlane())
    assert (synced.outcome, synced.state) == ("recorded", "failed")
    assert state[0][KEY.run_id]["exit_code"] == 3
    assert state[5] == {}


def test_the_tracker_was_down_when_the_upload_committed(tmp_path: Path) -> None:
    tracker = MemoryTracker()
    tracker.before = failing("log_artifact", error=TransientError("down"))
    floor = Floor(tmp_path, tracker)
    client = floor.start(single_operation=True)
    client.send(upload_plan(), as_is).wait(10)
    client.finish(0, RunState.FINISHED, 10)
    floor.service.close()
    tracker.before = lambda name: None
    state, _, synced = replay(tmp_path, floor.journals[0].read_bytes(), tracker, floor.plane)
    assert synced.outcome == "recorded"
    assert len(state[3]) == 1
    assert state[0][KEY.run_id]["state"] == "finished"


def test_numbers_go_on_where_they_were(tmp_path: Path) -> None:
    def killed(floor: Floor) -> None:
        client = floor.start()
        client.publish(history(-1, '{"a": 0}'))
        client.publish(history(4, '{"a": 1}', commit=False))
        client.publish(Record(output=OutputRecord(text="x")))

    path = tmp_path / "journal" / f"{KEY.run_id}.journal"
    journal_of(tmp_path, killed)
    opened = Journal.open(path)
    state = recover(opened).state
    opened.close()
    assert (state.row, state.step, state.row_open, state.console_lines) == (1, 4, True, 1)
    assert not state.exited
    assert state.key == KEY


def test_a_journal_without_a_run_is_said_and_removed(tmp_path: Path) -> None:
    floor = Floor(tmp_path, MemoryTracker())
    path = tmp_path / "journal" / "empty.journal"
    Journal.create(path).close()
    with pytest.raises(IntegrityError, match="holds no run"):
        floor.service.recover(path)
    assert not path.exists()
