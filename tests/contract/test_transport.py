"""Both transports keep the same promises: a call in this process, and the sockets of the background service."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.contract.transports import Background, Here, Side, client, start
from tests.unit.service.fakes import CREATED, KEY, MemoryPlane, MemoryTracker, download_plan, link_plan, upload_plan
from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import AliasTaken, Conflict, Interrupted, NotFound, ServiceStopped, TimedOut, UsageError
from wabucketref.model.run import RunKey, RunState, RunUpdate
from wabucketref.service import convert
from wabucketref.service.client import RunClient
from wabucketref.service.remote import calls, connection, line
from wabucketref.service.ticket import Ticket
from wabucketref.service.wabucket_pb2 import (
    ArtifactDone,
    ArtifactSend,
    ConfigRecord,
    Envelope,
    HistoryRecord,
    OutputRecord,
    Record,
    Request,
)

MakeSide = Callable[..., Side]


def as_is(done: ArtifactDone) -> ArtifactDone:
    return done


def row(number: int) -> Record:
    return Record(history=HistoryRecord(step=-1, time=1.0, values_json=f'{{"n":{number}}}', commit=True))


@pytest.fixture(params=[Here, Background], ids=["in process", "grpc"])
def make_side(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeSide]:
    made: list[Side] = []

    def make(tracker: MemoryTracker | None = None, plane: MemoryPlane | None = None) -> Side:
        made.append(request.param(tmp_path, tracker or MemoryTracker(), plane or MemoryPlane()))
        return made[-1]

    yield make
    for side in made:
        side.close()


@pytest.fixture
def side(make_side: MakeSide) -> Side:
    return make_side()


def tracker_of(side: Side) -> MemoryTracker:
    assert side.floor.tracker is not None
    return side.floor.tracker


def test_a_run_from_start_to_end(side: Side) -> None:
    run = start(side.connect())
    for number in range(3):
        run.publish(row(number))
    run.publish(Record(config=ConfigRecord(update_json='{"a":1}')))
    run.publish(Record(output=OutputRecord(stream="stdout", text="hello")))
    assert run.send(upload_plan(), as_is).wait(10).version == "v0"
    assert run.send(download_plan(), as_is).wait(10).fetched.verified
    assert run.send(link_plan(), as_is).wait(10).committed.artifact.alias == "linked"
    assert run.finish(0, RunState.FINISHED, 10) == "recorded"
    found = tracker_of(side)
    assert [dict(one.values) for _, one in sorted(found.rows.items())] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert [line.text for line in found.lines.values()] == ["hello"]
    assert found.runs[KEY.run_id]["state"] == "finished"
    assert found.runs[KEY.run_id]["config"] == {"lr": 0.1, "a": 1}
    assert side.floor.journals == []


def test_errors_keep_their_type_hint_and_code(side: Side) -> None:
    run = start(side.connect())
    run.send(upload_plan("x1", "a", "/one"), as_is).wait(10)
    with pytest.raises(AliasTaken, match="holds another upload") as caught:
        run.send(upload_plan("x2", "a", "/two"), as_is).wait(10)
    assert caught.value.exit_code == 6
    with pytest.raises(UsageError, match="out of range"):
        run.publish(Record(history=HistoryRecord(step=1 << 60, values_json="{}", commit=True)))
    with pytest.raises(NotFound):
        client(side.connect(), "nobody").publish(row(1))


def test_a_run_id_is_taken_once(side: Side) -> None:
    start(side.connect())
    other = side.floor.directory / "journal" / "taken.journal"
    other.write_bytes(b"")
    with pytest.raises(Conflict):
        start(side.connect(), "taken")


def test_the_same_xid_again_changes_nothing(side: Side) -> None:
    run = start(side.connect())
    assert run.send(upload_plan(), as_is).wait(10).version == "v0"
    run.send(upload_plan(), as_is)
    run.finish(0, RunState.FINISHED, 10)
    assert side.floor.plane.uploads == ["x1"]
    assert tracker_of(side).calls.count("log_artifact") == 1


def test_a_wait_times_out_while_the_operation_goes_on(make_side: MakeSide) -> None:
    release = threading.Event()
    side = make_side(plane=MemoryPlane(during=lambda xid, cancel: (release.wait(10), None)[1]))
    ticket = start(side.connect()).send(upload_plan(), as_is)
    begun = time.monotonic()
    with pytest.raises(TimedOut):
        ticket.wait(0.1)
    assert time.monotonic() - begun < 2
    assert not ticket.done()
    _until(lambda: ticket.progress().total_bytes == 10)
    release.set()
    assert ticket.wait(10).version == "v0"


def test_many_threads_and_runs_at_once(side: Side) -> None:
    """Records of one run keep their order; runs do not wait for each other."""
    transports = [side.connect() for _ in range(2)]
    runs = [start(transports[number % 2], f"run{number}") for number in range(4)]

    def work(number: int) -> None:
        for count in range(50):
            runs[number].publish(row(count))
        plan = upload_plan(f"x{number}", f"a{number}", f"/{number}")
        runs[number].send(plan, as_is).wait(20)
        runs[number].finish(0, RunState.FINISHED, 20)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert {run["state"] for run in tracker_of(side).runs.values()} == {"finished"}
    assert len(tracker_of(side).versions) == 4


def test_eight_threads_share_one_connection(side: Side) -> None:
    run = start(side.connect())
    threads = [threading.Thread(target=lambda: [run.publish(row(n)) for n in range(40)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    run.finish(0, RunState.FINISHED, 10)
    assert sorted(tracker_of(side).rows) == list(range(320))


def test_progress_is_followed(make_side: MakeSide) -> None:
    release = threading.Event()
    side = make_side(plane=MemoryPlane(during=lambda xid, cancel: (release.wait(0.5), None)[1]))
    ticket = start(side.connect()).send(upload_plan(), as_is)
    told: list[tuple[str, object]] = []

    class Shown:
        def start(self, label: str, files: int | None, bytes: int | None) -> None:
            told.append(("start", (label, files, bytes)))

        def advance(self, *, files: int = 0, bytes: int = 0) -> None:
            told.append(("advance", (files, bytes)))

        def finish(self) -> None:
            told.append(("finish", None))

    ticket.follow(Shown())
    assert told[0] == ("start", ("dataset/cats:a1", 1, 10))
    assert told[-1] == ("finish", None)
    assert ticket.wait(0).version == "v0"


def test_cancel_stops_transfers_with_the_reason(make_side: MakeSide) -> None:
    def during(xid: str, cancel: Cancel) -> None:
        cancel.wait(10)

    run = start(make_side(plane=MemoryPlane(during=during)).connect())
    ticket = run.send(upload_plan(), as_is)
    run.cancel("interrupted", 130)
    with pytest.raises(Interrupted):
        ticket.wait(10)


@pytest.mark.row("K2")
def test_a_service_that_closes_interrupts_nobody(make_side: MakeSide) -> None:
    """Who waits, logs or asks then is told that the service ended, not that somebody pressed Ctrl-C."""

    def during(xid: str, cancel: Cancel) -> None:
        cancel.wait(10)

    side = make_side(plane=MemoryPlane(during=during))
    run = start(side.connect())
    ticket = run.send(upload_plan(), as_is)
    closing = threading.Thread(target=side.floor.service.close)
    closing.start()
    with pytest.raises(ServiceStopped, match=r"closed|ended before"):
        ticket.wait(10)
    closing.join(10)
    for ask in (
        lambda: run.publish(row(1)),
        lambda: run.send(upload_plan("x2"), as_is),
        lambda: run.finish(0, RunState.FINISHED, 10),
    ):
        with pytest.raises(ServiceStopped, match="closed"):
            ask()


def test_a_ticket_of_another_client(make_side: MakeSide) -> None:
    release = threading.Event()
    side = make_side(plane=MemoryPlane(during=lambda xid, cancel: (release.wait(10), None)[1]))
    run = start(side.connect())
    run.send(upload_plan(), as_is)
    other: Ticket[ArtifactDone] = client(side.connect(), "").ticket("x1", as_is)
    assert not other.done()
    release.set()
    assert other.wait(10).version == "v0"
    with pytest.raises(NotFound):
        client(side.connect(), "").ticket("unknown", as_is).wait(1)


def test_a_run_is_left_to_the_service(make_side: MakeSide) -> None:
    release = threading.Event()
    side = make_side(plane=MemoryPlane(during=lambda xid, cancel: (release.wait(10), None)[1]))
    run = start(side.connect(), single_operation=True)
    ticket = run.send(upload_plan(), as_is)
    run.finish_later(0, None, 10)
    with pytest.raises(UsageError, match="finished"):
        run.publish(row(1))
    assert tracker_of(side).runs[KEY.run_id]["state"] == "running"
    release.set()
    assert ticket.wait(10).version == "v0"
    _until(lambda: tracker_of(side).runs[KEY.run_id]["state"] == "finished")
    _until(lambda: side.floor.journals == [])


def test_a_run_that_is_left_ends_as_its_operation(side: Side) -> None:
    first = start(side.connect(), "first")
    first.send(upload_plan("x1", "a", "/one"), as_is).wait(10)
    run = start(side.connect(), single_operation=True)
    run.send(upload_plan("x2", "a", "/two"), as_is)
    run.finish_later(0, None, 10)
    _until(lambda: tracker_of(side).runs[KEY.run_id]["state"] == "failed")
    assert tracker_of(side).runs[KEY.run_id]["exit_code"] == 6


def test_asked_twice_for_the_end_it_ends_once(side: Side) -> None:
    run = start(side.connect())
    assert run.finish(0, RunState.FINISHED, 10) == "recorded"
    assert run.finish(0, RunState.FINISHED, 10) == "recorded"
    assert tracker_of(side).calls.count("finish_run") == 1


@pytest.mark.row("V2")
def test_an_unknown_operation_is_not_found(side: Side) -> None:
    run = start(side.connect())
    begun = time.monotonic()
    with pytest.raises(NotFound):
        run.ticket("unknown", as_is).wait(5)
    assert time.monotonic() - begun < 2


def test_a_ticket_can_be_awaited(side: Side) -> None:
    async def main() -> ArtifactDone:
        return await start(side.connect()).send(upload_plan(), as_is)

    assert asyncio.run(main()).version == "v0"


# ---- gRPC alone: what can happen to a line ---------------------------------------------------------------------


@pytest.fixture
def background(tmp_path: Path) -> Iterator[Background]:
    made = Background(tmp_path, MemoryTracker(), MemoryPlane())
    yield made
    made.close()


def test_a_line_that_broke_is_opened_again_and_nothing_is_doubled(background: Background) -> None:
    transport = background.connect()
    run = start(transport)
    for number in range(5):
        run.publish(row(number))
    background.stop()
    background.start("instance")
    for number in range(5, 10):
        run.publish(row(number))
    assert run.send(upload_plan(), as_is).wait(10).version == "v0"
    run.finish(0, RunState.FINISHED, 10)
    assert sorted(tracker_of(background).rows) == list(range(10))


def test_a_line_that_broke_is_opened_again_also_while_nothing_is_sent(background: Background) -> None:
    run = start(background.connect())
    background.stop()
    assert background.host.client("client-1").lines == 0
    background.start("instance")
    _until(lambda: background.host.client("client-1").lines == 1)
    run.finish(0, RunState.FINISHED, 10)


def test_a_call_that_is_interrupted_disturbs_nobody(background: Background, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal may come when an answer is just read, anybody's."""
    run = start(background.connect())
    receive = line.Line.receive
    interrupted: list[int] = []

    def interrupt(one: line.Line) -> list[Envelope]:
        found = receive(one)
        if not interrupted:
            interrupted.append(len(found))
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr(line.Line, "receive", interrupt)
    with ThreadPoolExecutor(8) as pool:
        ended = [pool.submit(run.publish, row(number)) for number in range(64)]
        errors = [one.exception(10) for one in ended]
    assert sum(isinstance(error, KeyboardInterrupt) for error in errors) == 1
    assert sum(error is None for error in errors) == 63
    run.publish(row(64))
    assert run.finish(0, RunState.FINISHED, 10) == "recorded"
    assert len(tracker_of(background).rows) == 65


@pytest.mark.parametrize("frozen", [False, True], ids=["slow", "frozen"])
def test_a_service_that_is_silent_is_asked_whether_it_lives(
    background: Background, monkeypatch: pytest.MonkeyPatch, frozen: bool
) -> None:
    monkeypatch.setattr(connection, "_SILENCE_SECONDS", 0.1)
    monkeypatch.setattr(calls, "_HELLO_SECONDS", 0.2)
    run = start(background.connect())
    release = threading.Event()
    sync = background.floor.service.stream(KEY.run_id).journal.flush
    monkeypatch.setattr(
        background.floor.service.stream(KEY.run_id).journal, "flush", lambda *_: (release.wait(5), sync())
    )
    if frozen:
        background._loop.call_soon_threadsafe(release.wait, 5)
        with pytest.raises(TimedOut, match="does not answer"):
            run.publish(Record(config=ConfigRecord(update_json='{"lr":1}')))
        release.set()
    else:
        threading.Timer(0.5, release.set).start()
        run.publish(Record(config=ConfigRecord(update_json='{"lr":1}')))
        run.finish(0, RunState.FINISHED, 10)


@pytest.mark.parametrize(
    "sent",
    [line.framed(Envelope(uuid="who")), b"\xff\xff\xff\xff", b"\x02\0\0\0\xff\xff", b"\x01"],
    ids=["an unknown client", "too large", "no message", "a part of one"],
)
def test_a_line_of_no_use_is_hung_up(background: Background, sent: bytes) -> None:
    run = start(background.connect())
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.settimeout(5)
        stranger.connect(str(background.place.records))
        stranger.sendall(sent)
        stranger.shutdown(socket.SHUT_WR)
        assert stranger.recv(1) == b""
    run.publish(row(1))
    run.finish(0, RunState.FINISHED, 10)


def test_what_is_sent_again_is_answered_as_before(background: Background) -> None:
    transport = background.connect()
    start(transport)
    envelope = Envelope(uuid="same", stream=KEY.run_id, record=row(1))
    first = transport.send(envelope)
    assert transport.send(envelope) == first
    request = Request(artifact_send=ArtifactSend(xid="x1", record=Record()))
    assert transport.send(Envelope(uuid="u", stream=KEY.run_id, request=request)).response.HasField("error")
    RunClient(transport, KEY.run_id).finish(0, RunState.FINISHED, 10)
    assert len(tracker_of(background).rows) == 1


def test_a_run_belongs_to_one_client(background: Background) -> None:
    run = start(background.connect())
    with pytest.raises(Conflict, match="under way"):
        start(background.connect())
    with pytest.raises(NotFound):
        client(background.connect()).publish(row(1))
    run.publish(row(1))
    run.finish(0, RunState.FINISHED, 10)


@pytest.mark.row("K2")
def test_another_service_in_its_place_is_said(background: Background) -> None:
    run = start(background.connect())
    background.stop()
    background.start("another")
    begun = time.monotonic()
    with pytest.raises(ServiceStopped, match="the operation is in the journal") as caught:
        run.publish(row(1))
    assert caught.value.exit_code == 5
    assert time.monotonic() - begun < 5


@pytest.mark.row("K2")
def test_no_request_is_carried_out_by_another_service_in_its_place(background: Background) -> None:
    """Not even when it knows the client already, whose other thread has greeted it."""
    run = start(background.connect())
    background.stop()
    background.start("another")
    for ask in (lambda: run.send(upload_plan(), as_is), lambda: run.finish(0, RunState.FINISHED, 10)):
        with pytest.raises(ServiceStopped, match="the operation is in the journal"):
            ask()


@pytest.mark.row("K2")
def test_a_service_that_is_gone_is_said_to_who_waits(background: Background) -> None:
    release = threading.Event()
    background.floor.plane.during = lambda xid, cancel: (release.wait(10), None)[1]
    run = start(background.connect())
    ticket = run.send(upload_plan(), as_is)
    raised: list[Exception] = []

    def wait() -> None:
        try:
            ticket.wait(30)
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    background.stop()
    background.place.socket.unlink(missing_ok=True)
    thread.join(6)
    assert not thread.is_alive()
    assert isinstance(raised[0], ServiceStopped)
    release.set()
    background.start("instance")


def test_a_record_larger_than_the_usual_limit_of_grpc(background: Background) -> None:
    run = start(background.connect())
    text = "x" * (6 << 20)
    run.publish(Record(config=ConfigRecord(update_json=f'{{"text":"{text}"}}')))
    run.finish(0, RunState.FINISHED, 10)
    assert len(tracker_of(background).runs[KEY.run_id]["config"]["text"]) == 6 << 20


def test_a_client_that_is_gone_does_not_take_a_later_run_of_the_same_id_along(background: Background) -> None:
    first = start(background.connect())
    first.finish(0, RunState.FINISHED, 10)
    second = start(background.connect())
    background.host.leave(background.host.client("client-1"))
    with pytest.raises((NotFound, UsageError)):
        first.publish(row(1))
    second.publish(row(2))
    assert second.finish(0, RunState.FINISHED, 10) == "recorded"


def test_a_run_that_comes_from_a_client_that_is_gone_ends_by_itself(background: Background) -> None:
    background.connect()
    gone = background.host.client("client-1")
    background.host.leave(gone)
    update = RunUpdate(RunKey(KEY.entity, KEY.project, "late"), name="late", created=CREATED)
    envelope = Envelope(uuid="u", stream="late", record=Record(run=convert.run_to_record(update)))
    background.host.handle(gone, envelope)
    _until(lambda: not background.floor.service.busy)
    assert tracker_of(background).runs["late"]["state"] == "crashed"


def test_a_run_that_the_service_ended_is_not_ended_again(background: Background) -> None:
    run = start(background.connect())
    background.host.leave(background.host.client("client-1"))
    _until(lambda: not background.floor.service.busy)
    with pytest.raises(Conflict, match="ended without its process"):
        run.finish(0, RunState.FINISHED, 10)


def test_a_result_that_a_stranger_fetched_is_still_there_for_its_own_client(background: Background) -> None:
    ticket = start(background.connect()).send(upload_plan(), as_is)
    assert client(background.connect(), "").ticket("x1", as_is).wait(10).version == "v0"
    assert ticket.wait(10).version == "v0"
    with pytest.raises(NotFound):
        client(background.connect(), "").ticket("x1", as_is).wait(1)


def test_a_record_that_no_line_carries_is_refused_and_the_line_goes_on(background: Background) -> None:
    run = start(background.connect())
    text = "x" * (73 << 20)
    with pytest.raises(UsageError, match="too large"):
        run.publish(Record(config=ConfigRecord(update_json=f'{{"text":"{text}"}}')))
    run.publish(row(1))
    assert run.finish(0, RunState.FINISHED, 10) == "recorded"
    assert len(tracker_of(background).rows) == 1


def test_after_close_the_connection_says_so(background: Background) -> None:
    transport = background.connect()
    run = start(transport)
    transport.close()
    with pytest.raises(ServiceStopped):
        run.publish(row(1))
    with pytest.raises(ServiceStopped):
        run.send(upload_plan(), as_is)


def _until(true: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never comes"
        time.sleep(0.01)
