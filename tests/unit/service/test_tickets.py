"""The ticket table and the tickets over it: every wait ends, with the result, its error, or the time."""

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Iterator

import pytest

from wabucketref.errors import AliasTaken, LocalIOError, NotFound, TimedOut, WaBucketError
from wabucketref.service import failures
from wabucketref.service.ticket import Ticket
from wabucketref.service.tickets import TicketTable
from wabucketref.service.wabucket_pb2 import ArtifactDone, ArtifactPolled


def done(xid: str, version: str = "v0") -> ArtifactDone:
    return ArtifactDone(xid=xid, version=version)


def is_kept(table: TicketTable, xid: str) -> bool:
    try:
        return table.poll(xid, 0) is not None
    except NotFound:
        return False


def test_a_result_is_there_until_forgotten() -> None:
    table = TicketTable()
    table.open("x")
    assert table.poll("x", 0) is None
    table.publish(done("x"))
    assert table.poll("x", 0) == done("x")
    assert table.poll("x", None) == done("x")
    assert table.open_xids() == []
    table.forget("x")
    table.forget("x")
    with pytest.raises(NotFound):
        table.poll("x", 0)


def test_an_unknown_xid_is_not_found_at_once() -> None:
    with pytest.raises(NotFound, match="nope"):
        TicketTable().poll("nope", None)


def test_the_first_publication_counts() -> None:
    table = TicketTable()
    table.publish(done("x", "v1"))
    table.publish(done("x", "v2"))
    found = table.poll("x", 0)
    assert found is not None
    assert found.version == "v1"


def test_poll_waits_no_longer_than_asked() -> None:
    table = TicketTable()
    table.open("x")
    begun = time.monotonic()
    assert table.poll("x", 0.05) is None
    assert 0.05 <= time.monotonic() - begun < 1


def test_a_waiter_is_woken_by_the_publication() -> None:
    table = TicketTable()
    table.open("x")
    found: list[ArtifactDone | None] = []
    thread = threading.Thread(target=lambda: found.append(table.poll("x", 10)))
    thread.start()
    table.publish(done("x"))
    thread.join(5)
    assert found == [done("x")]


def test_breaking_wakes_all_now_and_later_but_keeps_results() -> None:
    table = TicketTable()
    table.publish(done("there"))
    for xid in ("a", "b"):
        table.open(xid)
    errors: list[WaBucketError] = []

    def wait(xid: str) -> None:
        try:
            table.poll(xid, None)
        except WaBucketError as error:
            errors.append(error)

    threads = [threading.Thread(target=wait, args=(xid,)) for xid in ("a", "b")]
    for thread in threads:
        thread.start()
    first = LocalIOError("the disk is full")
    table.break_all(first)
    table.break_all(LocalIOError("later"))
    for thread in threads:
        thread.join(5)
    assert errors == [first, first]
    with pytest.raises(LocalIOError, match="full"):
        table.poll("a", 0)
    assert table.poll("there", 0) == done("there")


@pytest.mark.row("V2")
def test_results_nobody_fetches_are_bounded() -> None:
    table = TicketTable(max_kept=3)
    for number in range(10):
        table.open(str(number))
        table.publish(done(str(number)))
    with pytest.raises(NotFound):
        table.poll("6", 0)
    assert table.poll("7", 0) == done("7")


@pytest.mark.row("V2")
def test_ten_thousand_results_nobody_fetches_stay_within_the_bound() -> None:
    table = TicketTable(max_kept=100)
    for number in range(10_000):
        table.open(str(number))
        table.publish(done(str(number)))
    there = [number for number in range(10_000) if is_kept(table, str(number))]
    assert there == list(range(9_900, 10_000))
    assert table.open_xids() == []


@pytest.mark.row("V2")
def test_a_result_nobody_fetches_expires() -> None:
    now = 1000.0
    table = TicketTable(kept_seconds=60, clock=lambda: now)
    for number in range(3):
        table.publish(done(str(number)))
        now += 30
    now = 1059.0
    assert table.poll("0", 0) == done("0")
    now = 1061.0
    with pytest.raises(NotFound, match="no operation 0"):
        table.poll("0", 0)
    assert table.poll("1", 0) == done("1")
    now = 1121.0
    table.publish(done("late"))
    for number in range(3):
        with pytest.raises(NotFound):
            table.poll(str(number), 0)
    assert table.poll("late", 0) == done("late")


@pytest.mark.row("V2")
def test_an_operation_under_way_never_expires() -> None:
    now = 0.0
    table = TicketTable(kept_seconds=60, clock=lambda: now)
    table.open("slow")
    now = 1e9
    assert table.poll("slow", 0) is None
    table.publish(done("slow"))
    assert table.poll("slow", 0) == done("slow")


# ---- subscriptions --------------------------------------------------------------------------------------------------


def test_a_listener_is_called_once_by_the_publisher() -> None:
    table = TicketTable()
    table.open("x")
    heard: list[tuple[str, ArtifactDone | None]] = []
    table.subscribe("x", lambda: heard.append((threading.current_thread().name, table.poll("x", 0))))
    assert heard == []
    publisher = threading.Thread(target=lambda: table.publish(done("x")), name="publisher")
    publisher.start()
    publisher.join(5)
    table.publish(done("x", "v1"))
    table.break_all(LocalIOError("later"))
    assert heard == [("publisher", done("x"))]


@pytest.mark.parametrize("settle", ["done", "broken", "unknown"])
def test_a_listener_is_called_at_once_when_nothing_is_left_to_wait_for(settle: str) -> None:
    table = TicketTable()
    if settle != "unknown":
        table.open("x")
    if settle == "done":
        table.publish(done("x"))
    if settle == "broken":
        table.break_all(LocalIOError("the disk is full"))
    heard: list[str] = []
    unsubscribe = table.subscribe("x", lambda: heard.append(settle))
    assert heard == [settle]
    unsubscribe()
    table.publish(done("x"))
    assert heard == [settle]


def test_withdrawing_and_breaking_tell_each_listener() -> None:
    table = TicketTable()
    heard: list[str] = []
    for xid in ("refused", "a", "b"):
        table.open(xid)
        for number in range(2):
            table.subscribe(xid, lambda xid=xid, number=number: heard.append(f"{xid}{number}"))  # type: ignore[misc]
    table.withdraw("refused")
    assert heard == ["refused0", "refused1"]
    table.break_all(LocalIOError("the disk is full"))
    assert heard[2:] == ["a0", "a1", "b0", "b1"]


def test_who_unsubscribes_is_not_told_and_the_others_are() -> None:
    table = TicketTable()
    table.open("x")
    heard: list[str] = []
    first = table.subscribe("x", lambda: heard.append("first"))
    table.subscribe("x", lambda: heard.append("second"))
    first()
    first()
    table.publish(done("x"))
    assert heard == ["second"]


def test_a_listener_that_fails_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    table = TicketTable()
    table.open("x")
    heard: list[str] = []

    def broken() -> None:
        raise RuntimeError("the event loop is closed")

    table.subscribe("x", broken)
    table.subscribe("x", lambda: heard.append("second"))
    table.publish(done("x"))
    assert heard == ["second"]
    assert "event loop is closed" in caplog.text


def test_a_wait_that_timed_out_leaves_nothing_behind() -> None:
    table = TicketTable()
    table.open("x")
    seen: list[weakref.ref[threading.Event]] = []

    class Watched(threading.Event):
        def __init__(self) -> None:
            super().__init__()
            seen.append(weakref.ref(self))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading, "Event", Watched)
        assert table.poll("x", 0.01) is None
    gc.collect()
    assert [one() for one in seen] == [None]


def test_an_operation_that_was_never_accepted_is_withdrawn() -> None:
    table = TicketTable()
    table.open("x")
    table.withdraw("x")
    assert table.open_xids() == []
    with pytest.raises(NotFound):
        table.poll("x", 0)


def test_progress_while_it_is_open() -> None:
    table = TicketTable()
    progress = table.open("x")
    assert table.open("x") is progress
    progress.start("upload", 2, 100)
    progress.advance(files=1, bytes=40)
    progress.finish()
    seen = table.progress("x")
    assert seen is not None
    assert (seen.files, seen.bytes, seen.total_bytes) == (1, 40, 100)
    table.publish(done("x"))
    assert table.progress("x") is None


# ---- Ticket ---------------------------------------------------------------------------------------------------------


class Line:
    """A client's poll over a table: delivers once, as over any transport."""

    def __init__(self) -> None:
        self.table = TicketTable()
        self.table.open("x")
        self.acknowledged: list[str] = []

    def poll(self, xid: str, timeout: float | None) -> ArtifactPolled:
        found = self.table.poll(xid, timeout)
        if found is None:
            return ArtifactPolled(files=1, bytes=5, total_bytes=10)
        return ArtifactPolled(finished=True, done=found)

    def acknowledge(self, xid: str) -> None:
        self.acknowledged.append(xid)
        self.table.forget(xid)

    def ticket(self) -> Ticket[str]:
        return Ticket("x", self, lambda found: found.version)

    def watch(self, xid: str) -> Iterator[ArtifactPolled]:
        while not (found := self.poll(xid, 0.01)).finished:
            yield found
        yield found


def test_a_ticket_under_way() -> None:
    line = Line()
    ticket = line.ticket()
    assert not ticket.done()
    assert (ticket.progress().bytes, ticket.progress().total_bytes) == (5, 10)
    assert "under way" in repr(ticket)
    with pytest.raises(TimedOut, match="has not ended within"):
        ticket.wait(0.02)
    line.table.publish(done("x"))
    assert ticket.wait(0.02) == "v0", "a wait that timed out may be repeated"


def test_a_ticket_keeps_its_result_and_acknowledges_once() -> None:
    line = Line()
    ticket = line.ticket()
    line.table.publish(done("x"))
    assert ticket.done()
    assert [ticket.wait(), ticket.wait(0)] == ["v0", "v0"]
    assert line.acknowledged == ["x"]
    assert "done" in repr(ticket)


def test_a_ticket_raises_the_operations_own_error_each_time() -> None:
    line = Line()
    ticket = line.ticket()
    error = AliasTaken("dataset/cats:a holds another upload", hint="choose another alias")
    line.table.publish(ArtifactDone(xid="x", error=failures.to_message(error)))
    for _ in range(2):
        with pytest.raises(AliasTaken, match="another upload") as caught:
            ticket.wait()
        assert (caught.value.exit_code, caught.value.hint) == (6, "choose another alias")


def test_a_ticket_can_be_awaited() -> None:
    line = Line()
    ticket = line.ticket()

    async def both() -> str:
        asyncio.get_running_loop().call_later(0.01, line.table.publish, done("x"))
        return await ticket

    assert asyncio.run(both()) == "v0"


def test_two_waiters_on_one_ticket_both_get_the_result() -> None:
    """The result leaves the table when it is acknowledged; who asks just then must not be told it is unknown."""
    line = Line()
    ticket = line.ticket()
    line.table.publish(done("x"))
    delivered, go_on = threading.Event(), threading.Event()
    poll = line.poll

    def slow(xid: str, timeout: float | None) -> ArtifactPolled:
        found = poll(xid, timeout)
        if not delivered.is_set():
            delivered.set()
            assert go_on.wait(10)
        return found

    line.poll = slow  # type: ignore[method-assign]
    ticket = line.ticket()
    results: list[str] = []
    first = threading.Thread(target=lambda: results.append(ticket.wait()))
    first.start()
    assert delivered.wait(10)
    assert ticket.wait() == "v0"
    go_on.set()
    first.join(10)
    assert results == ["v0"]
