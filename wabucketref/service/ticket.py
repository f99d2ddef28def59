"""Tickets: what a caller holds of an operation under way."""

import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from wabucketref.contracts.progress import Progress
from wabucketref.errors import NotFound, TimedOut, WaBucketError
from wabucketref.service import failures
from wabucketref.service.wabucket_pb2 import ArtifactDone, ArtifactPolled

T = TypeVar("T")
Explain = Callable[[WaBucketError], WaBucketError]


def as_it_is(error: WaBucketError) -> WaBucketError:
    """The error of an operation that needs no explanation."""
    return error


@dataclass(frozen=True, slots=True)
class TicketProgress:
    """How far an operation is."""

    files: int
    bytes: int
    total_bytes: int | None
    """None while unknown."""


class Polling(Protocol):
    """What a ticket needs of its line to the service (``client.RunClient``)."""

    def poll(self, xid: str, timeout: float | None) -> ArtifactPolled: ...

    def watch(self, xid: str) -> Iterator[ArtifactPolled]: ...

    def acknowledge(self, xid: str) -> None: ...


class Ticket(Generic[T]):
    """An upload, link or download under way. Thread-safe; may be awaited."""

    def __init__(
        self, xid: str, line: Polling, finish: Callable[[ArtifactDone], T], explain: Explain = as_it_is
    ) -> None:
        self.xid = xid
        self._line = line
        self._finish = finish
        self._explain = explain
        self._lock = threading.Lock()
        self._done: ArtifactDone | None = None
        self._heard = False
        self._progress = TicketProgress(0, 0, None)

    def done(self) -> bool:
        """Whether it has ended, well or not. Asks, never waits."""
        return self._look(0.0) is not None

    def wait(self, timeout: float | None = None) -> T:
        """The result, waiting up to `timeout` seconds (None: as long as it takes).

        Raises:
            TimedOut: it has not ended; it goes on all the same, and may be waited for again.
            WaBucketError: the operation's own error, with its type.
        """
        done = self._look(timeout)
        if done is None:
            raise TimedOut(f"operation {self.xid} has not ended within {timeout} s", hint="wait again; it goes on")
        self._heard = True
        if done.HasField("error"):
            raise self._explain(failures.from_message(done.error))
        return self._finish(done)

    def follow(self, progress: Progress) -> None:
        """Tell `progress` how far the operation is until it has ended; :meth:`wait` then returns at once."""
        shown = _Shown(progress)
        try:
            for polled in self._line.watch(self.xid):
                shown.show(polled)
        finally:
            progress.finish()

    def progress(self) -> TicketProgress:
        """How far it is. Asks, never waits."""
        self._look(0.0)
        return self._progress

    def __await__(self) -> Generator[Any, None, T]:
        import asyncio  # scripts that await have it; others need not load it

        return asyncio.to_thread(self.wait).__await__()

    def __repr__(self) -> str:
        return f"<Ticket {self.xid} {'done' if self._done is not None else 'under way'}>"

    def _look(self, timeout: float | None) -> ArtifactDone | None:
        known = self._done
        if known is not None:
            return known
        try:
            polled = self._line.poll(self.xid, timeout)
        except WaBucketError:
            with self._lock:
                if self._done is not None:  # another thread was delivered the result meanwhile
                    return self._done
            raise
        with self._lock:
            if self._done is not None:
                return self._done
            if not polled.finished:
                self._progress = TicketProgress(polled.files, polled.bytes, _known(polled.total_bytes))
                return None
            self._done = polled.done
        self._line.acknowledge(self.xid)  # only now: another thread may be asking for it
        return polled.done


def unheard_failure(ticket: Ticket[Any], timeout: float) -> WaBucketError | None:
    """The error of an operation that nobody has waited for, once it has ended; None when there is none to tell."""
    if ticket._heard:
        return None
    try:
        done = ticket._look(timeout)
    except WaBucketError:
        return None  # another process has fetched the result
    return failures.from_message(done.error) if done is not None and done.HasField("error") else None


def is_under_way(ticket: Ticket[Any]) -> bool:
    """Whether an operation has not ended; one whose result another process has fetched has."""
    try:
        return not ticket.done()
    except NotFound:
        return False


class _Shown:
    """What of an operation was told to `progress` so far."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._begun: tuple[str, int, int] | None = None
        self._files = 0
        self._bytes = 0

    def show(self, polled: ArtifactPolled) -> None:
        if polled.finished:
            return  # it carries the result, not how far it came
        now = (polled.label, polled.total_files, polled.total_bytes)
        if polled.label and now != self._begun:
            self._progress.start(polled.label, _known(polled.total_files), _known(polled.total_bytes))
            self._begun = now
        if self._begun and (polled.files, polled.bytes) != (self._files, self._bytes):
            self._progress.advance(files=polled.files - self._files, bytes=polled.bytes - self._bytes)
            self._files, self._bytes = polled.files, polled.bytes


def _known(total: int) -> int | None:
    return None if total < 0 else total
