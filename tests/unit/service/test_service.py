"""Runs and operations through the whole service, over a memory tracker and plane."""

import threading
import time

import pytest

from tests.unit.service.conftest import MakeFloor
from tests.unit.service.fakes import (
    KEY,
    Floor,
    MemoryPlane,
    MemoryTracker,
    download_plan,
    eventually,
    failing,
    link_plan,
    upload_plan,
)
from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import (
    AliasTaken,
    Conflict,
    Interrupted,
    LocalIOError,
    NotFound,
    ServiceStopped,
    Terminated,
    TimedOut,
    TransientError,
    UsageError,
    WaBucketError,
)
from wabucketref.model.run import RunState
from wabucketref.service.wabucket_pb2 import (
    ArtifactDone,
    ArtifactSend,
    ConfigRecord,
    Envelope,
    Record,
    Request,
    Shutdown,
    SummaryRecord,
)


def as_is(done: ArtifactDone) -> ArtifactDone:
    return done


def test_an_upload_is_committed_and_recorded_in_one_run(floor: Floor, tracker: MemoryTracker) -> None:
    client = floor.start()
    done = client.send(upload_plan(), as_is).wait(10)
    assert done.committed.artifact.alias == "a1"
    assert (done.version, done.tracking) == ("v0", "recorded")
    assert list(done.aliases) == ["a1", "latest"]
    assert client.finish(0, RunState.FINISHED, 10) == "recorded"
    assert tracker.runs[KEY.run_id] == {
        "config": {"lr": 0.1},
        "summary": {},
        "state": "finished",
        "name": "one",
        "exit_code": 0,
    }
    assert tracker.outputs == {(KEY.run_id, "dataset/cats:a1")}
    assert tracker.calls.index("log_artifact") < tracker.calls.index("finish_run")
    assert floor.journals == []


def test_a_link_and_a_download(floor: Floor, tracker: MemoryTracker) -> None:
    client = floor.start()
    assert client.send(link_plan(), as_is).wait(10).committed.artifact.digest == "blake3:raw/cats"
    done = client.send(download_plan("d1"), as_is).wait(10)
    assert (done.fetched.path, done.fetched.verified) == ("/tmp/cats", True)
    client.finish(0, RunState.FINISHED, 10)
    assert tracker.uses == {"d1": "dataset/cats:a1"}
    assert tracker.outputs == {(KEY.run_id, "dataset/cats:linked")}


def test_config_summary_and_run_changes_reach_the_tracker(floor: Floor, tracker: MemoryTracker) -> None:
    client = floor.start()
    client.publish(Record(config=ConfigRecord(update_json='{"a": 1, "b": 2}')))
    client.publish(Record(config=ConfigRecord(update_json="{}", removed=["b", "lr"])))
    client.publish(Record(summary=SummaryRecord(update_json='{"best": 1}')))
    client.finish(3, RunState.FAILED, 10)
    run = tracker.runs[KEY.run_id]
    assert (run["config"], run["summary"], run["state"], run["exit_code"]) == ({"a": 1}, {"best": 1}, "failed", 3)


def test_sending_an_operation_again_changes_nothing(floor: Floor) -> None:
    client = floor.start()
    tickets = [client.send(upload_plan(), as_is) for _ in range(3)]
    assert tickets[0].wait(10).version == "v0"
    assert floor.plane.uploads == ["x1"]
    client.finish(0, RunState.FINISHED, 10)


def test_threads_that_race_with_one_operation_run_it_once(floor: Floor) -> None:
    client = floor.start()
    barrier = threading.Barrier(8)

    def send() -> None:
        barrier.wait(10)
        client.send(upload_plan(), as_is)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    client.finish(0, RunState.FINISHED, 10)
    assert floor.plane.uploads == ["x1"]


def test_the_operations_own_error_arrives_with_its_type(floor: Floor) -> None:
    client = floor.start()
    client.send(upload_plan("x1"), as_is).wait(10)
    with pytest.raises(AliasTaken):
        client.send(upload_plan("x2", source="/other"), as_is).wait(10)
    assert client.finish(0, RunState.FINISHED, 10) == "recorded"
    assert floor.journals == []


def test_a_defect_below_becomes_an_internal_error_of_the_operation_only(make_floor: MakeFloor) -> None:
    def bug(xid: str, cancel: Cancel) -> None:
        if xid == "x1":
            raise ZeroDivisionError("oops")

    floor = make_floor(MemoryTracker(), MemoryPlane(during=bug))
    client = floor.start()
    with pytest.raises(WaBucketError, match="ZeroDivisionError: oops") as caught:
        client.send(upload_plan("x1"), as_is).wait(10)
    assert caught.value.exit_code == 1
    assert client.send(upload_plan("x2"), as_is).wait(10).version == "v0"
    client.finish(0, RunState.FINISHED, 10)


def test_a_slow_transfer_blocks_neither_records_nor_other_transfers(make_floor: MakeFloor) -> None:
    release = threading.Event()
    plane = MemoryPlane(during=lambda xid, cancel: (release.wait(10), None)[1] if xid == "slow" else None)
    floor = make_floor(MemoryTracker(), plane)
    client = floor.start()
    slow = client.send(upload_plan("slow", "slow"), as_is)
    assert client.send(upload_plan("fast", "fast", "/fast"), as_is).wait(5).version == "v0"
    client.publish(Record(config=ConfigRecord(update_json='{"a": 1}')))
    assert [transfer.xid for transfer in client.status().transfers] == ["slow"]
    assert not slow.done()
    assert slow.progress().total_bytes == 10
    with pytest.raises(TimedOut):
        slow.wait(0.05)
    release.set()
    assert slow.wait(10).version == "v1"
    client.finish(0, RunState.FINISHED, 10)


def test_many_transfers_on_few_workers(make_floor: MakeFloor) -> None:
    floor = make_floor(MemoryTracker())
    client = floor.start()
    tickets = [client.send(upload_plan(f"x{number}", f"a{number}", f"/{number}"), as_is) for number in range(50)]
    assert sorted(int(ticket.wait(10).version[1:]) for ticket in tickets) == list(range(50))
    client.finish(0, RunState.FINISHED, 10)
    assert sum(thread.name.startswith("transfer-") for thread in threading.enumerate()) <= 4


@pytest.mark.parametrize(
    ("exit_code", "kind"), [(130, Interrupted), (143, Terminated)], ids=["interrupted", "terminated"]
)
def test_cancel_stops_transfers_with_the_reason(make_floor: MakeFloor, exit_code: int, kind: type) -> None:
    floor = make_floor(MemoryTracker(), MemoryPlane(during=lambda xid, cancel: cancel.wait(20)))
    client = floor.start()
    ticket = client.send(upload_plan(), as_is)
    client.cancel("asked to", exit_code)
    with pytest.raises(kind, match="asked to") as caught:
        ticket.wait(10)
    assert caught.value.exit_code == exit_code
    assert client.finish(exit_code, RunState.KILLED, 10) == "recorded"


# ---- a tracker that is out of reach ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["upsert_run", "log_artifact", "finish_run", "append_history"])
def test_an_upload_succeeds_although_the_tracker_fails(floor: Floor, tracker: MemoryTracker, method: str) -> None:
    tracker.before = failing(method, error=TransientError("down"))
    client = floor.start()
    client.publish(Record(summary=SummaryRecord(update_json='{"best": 1}')))
    done = client.send(upload_plan(), as_is).wait(10)
    assert done.committed.artifact.alias == "a1"
    pending = method in ("upsert_run", "log_artifact")
    assert (done.tracking == "pending") == pending
    tracking = client.finish(0, RunState.FINISHED, 10)
    if method != "append_history":
        assert tracking == "pending"
        assert len(floor.journals) == 1, "kept for sync"


def test_offline_everything_waits_in_the_journal(make_floor: MakeFloor) -> None:
    floor = make_floor(None)
    client = floor.start()
    assert client.send(upload_plan(), as_is).wait(10).tracking == "pending"
    assert client.status().tracking == "pending"
    assert client.finish(0, RunState.FINISHED, 10) == "pending"
    assert len(floor.journals) == 1


def test_a_tracker_that_keeps_nothing_leaves_no_trace(make_floor: MakeFloor) -> None:
    floor = make_floor(MemoryTracker(records=False))
    client = floor.start()
    assert client.send(upload_plan(), as_is).wait(10).tracking == "disabled"
    assert client.finish(0, RunState.FINISHED, 10) == "disabled"
    assert not (floor.directory / "journal").exists()


def test_a_refusal_of_an_artifact_is_the_operations_error(floor: Floor, tracker: MemoryTracker) -> None:
    tracker.before = failing("log_artifact", error=UsageError("the type is reserved"))
    client = floor.start()
    with pytest.raises(UsageError, match="reserved"):
        client.send(upload_plan(), as_is).wait(10)
    client.finish(2, RunState.FAILED, 10)


def test_a_refusal_of_another_record_shows_in_the_tracking(floor: Floor, tracker: MemoryTracker) -> None:
    client = floor.start()
    tracker.before = failing("upsert_run", error=UsageError("no such key"))
    client.publish(Record(config=ConfigRecord(update_json='{"a": 1}')))
    assert client.finish(0, RunState.FINISHED, 10) == "pending"
    assert len(floor.journals) == 1


def test_status_says_why(floor: Floor, tracker: MemoryTracker) -> None:
    tracker.before = failing("upsert_run", error=TransientError("down"))
    client = floor.start()
    status = client.status()
    assert (status.tracking, status.cause.message) == ("pending", "down")
    assert 0 < status.acknowledged <= status.journaled


def test_a_defect_of_the_tracker_breaks_tickets_and_finish_does_not_hang(floor: Floor, tracker: MemoryTracker) -> None:
    def bug(name: str) -> None:
        if name == "log_artifact":
            raise ZeroDivisionError("oops")

    tracker.before = bug
    client = floor.start()
    with pytest.raises(WaBucketError, match="ZeroDivisionError"):
        client.send(upload_plan(), as_is).wait(10)
    begun = time.monotonic()
    assert client.finish(1, RunState.FAILED, 600) == "pending"
    assert time.monotonic() - begun < 10
    assert len(floor.journals) == 1


# ---- a journal that fails --------------------------------------------------------------------------------------------


def test_an_operation_that_cannot_be_journaled_sends_nothing_and_may_be_sent_again(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = floor.start()
    journal = floor.service.stream(KEY.run_id).journal

    def full(record: Record, *, urgent: bool = True) -> int:
        raise LocalIOError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(journal, "append", full)
        with pytest.raises(LocalIOError):
            client.send(upload_plan(), as_is)
    assert client.status().transfers == []
    assert floor.plane.uploads == []
    assert client.send(upload_plan(), as_is).wait(10).version == "v0"
    client.finish(0, RunState.FINISHED, 10)


def test_an_outcome_that_cannot_be_journaled_reaches_the_waiter_as_an_error(
    make_floor: MakeFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    floor = make_floor(MemoryTracker(), MemoryPlane(during=lambda xid, cancel: (go_on.wait(10), None)[1]))
    client = floor.start()
    ticket = client.send(upload_plan(), as_is)

    def full(record: Record, *, urgent: bool = True) -> int:
        raise LocalIOError("no space left")

    monkeypatch.setattr(floor.service.stream(KEY.run_id).journal, "append", full)
    go_on.set()
    with pytest.raises(LocalIOError, match="no space"):
        ticket.wait(10)


# ---- the edges of a run ----------------------------------------------------------------------------------------------


def test_a_run_id_that_has_a_journal_is_a_conflict(floor: Floor, make_floor: MakeFloor) -> None:
    floor.start()
    with pytest.raises(Conflict, match="run1"):
        make_floor(MemoryTracker()).start()


def test_an_unknown_run_is_not_found(floor: Floor) -> None:
    client = floor.client("nobody")
    with pytest.raises(NotFound, match="nobody"):
        client.status()
    with pytest.raises(NotFound, match="nobody"):
        client.publish(Record(config=ConfigRecord(update_json="{}")))


def test_records_after_the_end_are_refused(floor: Floor) -> None:
    client = floor.start()
    client.finish(0, RunState.FINISHED, 10)
    for use in (
        lambda: client.publish(Record(config=ConfigRecord(update_json="{}"))),
        lambda: client.send(upload_plan(), as_is),
    ):
        with pytest.raises(WaBucketError):
            use()
    assert client.finish(0, RunState.FINISHED, 10) == "recorded", "asked again, it says how it ended"


def test_what_only_the_service_sends_is_refused(floor: Floor) -> None:
    floor.start()
    answer = floor.service.handle(Envelope(stream=KEY.run_id, request=Request(shutdown=Shutdown())))
    assert answer.response.error.exit_code == 2
    answer = floor.service.handle(Envelope(stream=KEY.run_id, record=Record()))
    assert answer.result.HasField("error")
    empty = Request(artifact_send=ArtifactSend(xid="x9", record=Record()))
    answer = floor.service.handle(Envelope(stream=KEY.run_id, request=empty))
    assert answer.response.HasField("error")
    assert floor.client().status().transfers == []


def test_a_result_can_be_fetched_after_the_run_has_ended(floor: Floor) -> None:
    client = floor.start()
    ticket = client.send(upload_plan(), as_is)
    client.finish(0, RunState.FINISHED, 10)
    floor.service.close()
    assert ticket.wait(5).version == "v0"
    assert ticket.wait(5).version == "v0"


def test_waiting_for_what_did_not_end_before_its_run_raises(make_floor: MakeFloor) -> None:
    floor = make_floor(MemoryTracker(), MemoryPlane(during=lambda xid, cancel: cancel.wait(30)))
    client = floor.start()
    ticket = client.send(upload_plan(), as_is)
    floor.service.close()
    with pytest.raises(ServiceStopped, match="run1"):
        ticket.wait(10)
    assert len(floor.journals) == 1


def test_closing_twice_is_harmless_and_keeps_the_journal(floor: Floor) -> None:
    floor.start()
    floor.service.close()
    floor.service.close()
    assert len(floor.journals) == 1


def test_many_runs_in_one_service(floor: Floor, tracker: MemoryTracker) -> None:
    clients = [floor.start(f"run-{number}") for number in range(8)]
    tickets = [
        client.send(upload_plan(f"x{number}", f"a{number}", f"/{number}"), as_is)
        for number, client in enumerate(clients)
    ]
    for ticket, client in zip(tickets, clients, strict=True):
        ticket.wait(10)
        assert client.finish(0, RunState.FINISHED, 10) == "recorded"
    assert {run["state"] for run in tracker.runs.values()} == {"finished"}
    assert len(tracker.outputs) == 8


def test_the_trace_shows_one_direction(make_floor: MakeFloor) -> None:
    seen: list[tuple[str, str, str]] = []
    floor = make_floor(MemoryTracker(), trace=lambda *hop: seen.append((hop[0], hop[1], str(hop[2]))))
    client = floor.start()
    client.send(upload_plan(), as_is).wait(10)
    client.finish(0, RunState.FINISHED, 10)
    hops = [(source, target) for source, target, message in seen if "xid=x1" in message]
    wanted = [
        ("transport", "HandlerT"),
        ("HandlerT", "WriterT"),
        ("WriterT", "journal"),
        ("journal", "SenderT"),
        ("SenderT", "DataPlane"),
        ("DataPlane", "HandlerT"),
        ("HandlerT", "WriterT"),
        ("WriterT", "journal"),
        ("journal", "SenderT"),
        ("SenderT", "tickets"),
    ]
    assert hops == wanted


# ---- several runs share the transfers --------------------------------------------------------------------------------


@pytest.mark.row("L7")
def test_a_small_transfer_behind_a_large_one_ends_first(floor: Floor) -> None:
    release = threading.Event()
    floor.plane.during = lambda xid, cancel: (release.wait(10), None)[1] if xid == "large" else None
    client = floor.start()
    large = client.send(upload_plan("large", alias="large"), as_is)
    small = client.send(upload_plan("small", alias="small", source="/other"), as_is)
    assert small.wait(10).version == "v0"
    assert not large.done()
    release.set()
    assert large.wait(10).version == "v1"
    client.finish(0, RunState.FINISHED, 10)


@pytest.mark.row("L7")
def test_a_run_with_many_transfers_waiting_does_not_keep_another_waiting(floor: Floor) -> None:
    release = threading.Event()
    floor.plane.during = lambda xid, cancel: (release.wait(10), None)[1]
    busy = floor.start("busy")
    tickets = [busy.send(upload_plan(f"b{number}", f"b{number}", f"/{number}"), as_is) for number in range(50)]
    assert eventually(lambda: len(floor.plane.uploads) == 4)
    late = floor.start("late")
    ticket = late.send(upload_plan("late", "late", "/late"), as_is)
    assert eventually(lambda: len(floor.service._transfers._queue) == 47)
    release.set()
    ticket.wait(10)
    assert floor.plane.uploads.index("late") <= 8, "four were under way, one more had its turn, and four threads race"
    for each in tickets:
        each.wait(10)
    first = [xid for xid in floor.plane.uploads if xid != "late"][:4]
    assert sorted(first) == ["b0", "b1", "b2", "b3"], "four workers begin at once"
    assert busy.finish(0, RunState.FINISHED, 10) == late.finish(0, RunState.FINISHED, 10) == "recorded"


def test_workers_end_with_the_service_and_none_is_left_behind(floor: Floor) -> None:
    client = floor.start()
    for number in range(8):
        client.send(upload_plan(f"x{number}", f"a{number}", f"/{number}"), as_is).wait(10)
    client.finish(0, RunState.FINISHED, 10)
    floor.service.close()
    transfers = floor.service._transfers
    assert eventually(lambda: transfers._workers == 0)
