"""The ticket table: where what became of an operation is published, and where waiters wait for it.

Nothing downstream ever puts into an upstream queue: results go here. The table forgets a result once it is delivered,
and the oldest undelivered ones beyond a bound (the journal and the tracker still have them).
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from wabucketref.errors import NotFound, WaBucketError
from wabucketref.service.wabucket_pb2 import ArtifactDone

_MAX_KEPT: Final = 10_000


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
        self, max_kept: int = _MAX_KEPT, on_publish: Callable[[ArtifactDone], None] = lambda done: None
    ) -> None:
        """`on_publish` is told each result before waiters are; from the publishing thread."""
        self._condition = threading.Condition()
        self._open: dict[str, TransferProgress] = {}
        self._done: OrderedDict[str, ArtifactDone] = OrderedDict()
        self._max_kept = max_kept
        self._on_publish = on_publish
        self._broken: WaBucketError | None = None
        self._subscribers: dict[str, list[Callable[[], None]]] = {}

    def open(self, xid: str, what: str = "") -> TransferProgress:
        """Announce an operation; announcing it again, or when it has ended, is harmless."""
        with self._condition:
            if xid in self._done:
                return TransferProgress()
            return self._open.setdefault(xid, TransferProgress(what))

    def withdraw(self, xid: str) -> None:
        """The operation was announced, but not accepted."""
        with self._condition:
            self._open.pop(xid, None)
            self._condition.notify_all()

    def publish(self, done: ArtifactDone) -> None:
        """The operation ended; a second publication of an xid changes nothing."""
        self._on_publish(done)
        with self._condition:
            self._open.pop(done.xid, None)
            self._done.setdefault(done.xid, done)
            while len(self._done) > self._max_kept:
                self._done.popitem(last=False)
            self._condition.notify_all()
            told = self._subscribers.pop(done.xid, [])
        for callback in told:
            callback()

    def poll(self, xid: str, timeout: float | None) -> ArtifactDone | None:
        """The result, waiting up to `timeout` seconds (None: without end); None when it is still under way.

        Raises:
            NotFound: unknown or already delivered and forgotten.
            WaBucketError: the service broke and will never answer.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._condition:
            while xid not in self._done:
                if self._broken is not None:
                    raise self._broken
                if xid not in self._open:
                    raise NotFound(f"no operation {xid} is known here", hint="its result was delivered or expired")
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return None
                self._condition.wait(left)
            return self._done[xid]

    def knows(self, xid: str) -> bool:
        """Whether the operation is under way, or its result is kept."""
        with self._condition:
            return xid in self._open or xid in self._done

    def subscribe(self, xid: str, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` once there is an answer to :meth:`poll`: from the publishing thread, or at once when there
        is one already. What is returned takes the subscription back."""
        with self._condition:
            waits = self._broken is None and xid in self._open
            if waits:
                self._subscribers.setdefault(xid, []).append(callback)
        if not waits:
            callback()
        return lambda: self._unsubscribe(xid, callback)

    def _unsubscribe(self, xid: str, callback: Callable[[], None]) -> None:
        with self._condition:
            left = [one for one in self._subscribers.pop(xid, []) if one is not callback]
            if left:
                self._subscribers[xid] = left

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
            return list(self._done.values())

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
            told = [callback for callbacks in self._subscribers.values() for callback in callbacks]
            self._subscribers.clear()
        for callback in told:
            callback()
