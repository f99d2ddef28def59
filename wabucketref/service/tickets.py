"""The ticket table: where what became of an operation is published, and where waiters wait for it.

Nothing downstream ever puts into an upstream queue: results go here. The table forgets a result once it is delivered;
undelivered ones beyond a bound, the oldest first, and after a time (the journal and the tracker still have them).
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from wabucketref.errors import NotFound, WaBucketError
from wabucketref.service.wabucket_pb2 import ArtifactDone

log = logging.getLogger(__name__)

_MAX_KEPT: Final = 10_000
_KEPT_SECONDS: Final = 7 * 86_400.0
"""A script may train for days before it asks its ticket."""

Listener = Callable[[], None]


class TransferProgress:
    """How far one operation is; implements contracts.progress.Progress and passes it on."""

    def __init__(self, what: str = "") -> None:
        self._lock = threading.Lock()
        self.what = what
        """The operation in one line."""
        self.label = ""
        """What moves; empty until it begins."""
        self.files = 0
        self.bytes = 0
        self.total_files: int | None = None
        self.total_bytes: int | None = None

    def start(self, label: str, files: int | None, bytes: int | None) -> None:
        self.total_files, self.total_bytes = files, bytes
        self.label = label

    def advance(self, *, files: int = 0, bytes: int = 0) -> None:
        with self._lock:
            self.files += files
            self.bytes += bytes

    def finish(self) -> None: ...


class TicketTable:
    """Results by xid. Thread-safe."""

    def __init__(
        self,
        max_kept: int = _MAX_KEPT,
        on_publish: Callable[[ArtifactDone], None] = lambda done: None,
        kept_seconds: float = _KEPT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Of undelivered results at most `max_kept` are kept, each for at most `kept_seconds` by `clock`.

        `on_publish` is told each result before waiters are; from the publishing thread.
        """
        self._condition = threading.Condition()
        self._open: dict[str, TransferProgress] = {}
        self._done: OrderedDict[str, tuple[float, ArtifactDone]] = OrderedDict()
        self._listeners: dict[str, list[Listener]] = {}
        self._max_kept = max_kept
        self._on_publish = on_publish
        self._kept_seconds = kept_seconds
        self._clock = clock
        self._broken: WaBucketError | None = None

    def open(self, xid: str, what: str = "") -> TransferProgress:
        """Announce an operation; announcing it again, or when it has ended, is harmless."""
        with self._condition:
            if xid in self._done:
                return TransferProgress()
            return self._open.setdefault(xid, TransferProgress(what))

    def withdraw(self, xid: str) -> None:
        """The operation was announced, but not accepted."""
        with self._condition:
            self._close(xid)
            listeners = self._listeners.pop(xid, [])
        _tell(listeners)

    def publish(self, done: ArtifactDone) -> None:
        """The operation ended; a second publication of an xid changes nothing."""
        self._on_publish(done)
        with self._condition:
            self._close(done.xid)
            self._done.setdefault(done.xid, (self._clock(), done))
            self._expire()
            listeners = self._listeners.pop(done.xid, [])
        _tell(listeners)

    def poll(self, xid: str, timeout: float | None) -> ArtifactDone | None:
        """The result, waiting up to `timeout` seconds (None: without end); None when it is still under way.

        Raises:
            NotFound: unknown or already delivered and forgotten.
            WaBucketError: the service broke and will never answer.
        """
        if timeout is None or timeout > 0:
            settled = threading.Event()
            unsubscribe = self.subscribe(xid, settled.set)
            try:
                settled.wait(timeout)
            finally:
                unsubscribe()
        with self._condition:
            return self._look(xid)

    def subscribe(self, xid: str, listener: Listener) -> Callable[[], None]:
        """Have `listener` called once, when :meth:`poll` has more to say of `xid` than that it is under way.

        It is called on the thread that publishes, or at once on this one when nothing is left to wait for: the
        operation has ended, is unknown, or the service broke. It must be quick. Returns what takes the subscription
        back, which is harmless when it was called already.
        """
        with self._condition:
            waiting = xid in self._open and self._broken is None
            if waiting:
                self._listeners.setdefault(xid, []).append(listener)
        if not waiting:
            listener()
        return lambda: self._unsubscribe(xid, listener)

    def knows(self, xid: str) -> bool:
        """Whether the operation is under way, or its result is kept."""
        with self._condition:
            return xid in self._open or xid in self._done

    def forget(self, xid: str) -> None:
        """The result was delivered."""
        with self._condition:
            self._done.pop(xid, None)

    def progress(self, xid: str) -> TransferProgress | None:
        """How far an operation under way is."""
        with self._condition:
            return self._open.get(xid)

    def open_xids(self) -> list[str]:
        """Operations under way, oldest first."""
        with self._condition:
            return list(self._open)

    def under_way(self) -> dict[str, TransferProgress]:
        """Operations under way with their progress, oldest first."""
        with self._condition:
            return dict(self._open)

    def kept(self) -> list[ArtifactDone]:
        """Results that nobody has fetched yet, oldest first."""
        with self._condition:
            self._expire()
            return [done for _, done in self._done.values()]

    def wait_settled(self, deadline: float | None) -> bool:
        """Wait until no operation is under way, up to `deadline` (``time.monotonic``; None: without end)."""
        with self._condition:
            while self._open and self._broken is None:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return False
                self._condition.wait(left)
            return not self._open

    def break_all(self, error: WaBucketError) -> None:
        """The stream cannot go on: every waiter, now and later, gets `error`."""
        with self._condition:
            self._broken = self._broken or error
            self._condition.notify_all()
            waiting, self._listeners = self._listeners, {}
        for listeners in waiting.values():
            _tell(listeners)

    def _look(self, xid: str) -> ArtifactDone | None:
        self._expire()
        if xid in self._done:
            return self._done[xid][1]
        if self._broken is not None:
            raise self._broken
        if xid not in self._open:
            raise NotFound(f"no operation {xid} is known here", hint="its result was delivered or expired")
        return None

    def _close(self, xid: str) -> None:
        self._open.pop(xid, None)
        if not self._open:
            self._condition.notify_all()

    def _expire(self) -> None:
        """Results lie in the order of their publication, so those to go are the first."""
        oldest = self._clock() - self._kept_seconds
        while self._done and (len(self._done) > self._max_kept or next(iter(self._done.values()))[0] < oldest):
            self._done.popitem(last=False)

    def _unsubscribe(self, xid: str, listener: Listener) -> None:
        with self._condition:
            waiting = self._listeners.get(xid, [])
            if listener in waiting:
                waiting.remove(listener)
            if not waiting:
                self._listeners.pop(xid, None)


def _tell(listeners: list[Listener]) -> None:
    """Without the lock: a listener may ask the table. One that fails harms neither the publisher nor the others."""
    for listener in listeners:
        try:
            listener()
        except Exception:
            log.exception("a waiter could not be told")
