"""Connections that threads open, so that whoever has others under way need not wait for the network."""

import os
import select
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from wabucketref.errors import LocalIOError
from wabucketref.store.native.http import Pool
from wabucketref.store.native.wire import Connection
from wabucketref.threads import start

_AT_ONCE: Final = 64
"""Threads, at most: each waits for a few round trips, three with TLS."""


class Openings:
    """For one thread, whose `poll` finds that `bell` can be read once there is news."""

    def __init__(self, pool: Pool, poll: select.poll) -> None:
        self.bell = -1
        self.failed = False
        """Whether one could not be opened: there are as many as the other side wants, then."""
        self._pool = pool
        self._poll = poll
        self._lock = threading.Lock()
        self._wanted = self._running = 0
        self._ready: deque[Connection] = deque()
        self._rope = -1
        self._closed = False

    @property
    def running(self) -> int:
        """How many will come, or fail."""
        return self._wanted + self._running + len(self._ready)

    def open(self, count: int) -> None:
        """Begin to open so many more."""
        if self.bell < 0:
            try:
                self.bell, self._rope = os.pipe()
            except OSError:  # there are no more descriptors
                self.failed = True
                return
            self._poll.register(self.bell, select.POLLIN)
        with self._lock:
            self._wanted += count
        for _ in range(min(count, _AT_ONCE)):
            try:
                start(threading.Thread(target=self._work, name="wabucket-connect", daemon=True))
            except LocalIOError:
                self._work()  # then this thread waits

    def opened(self) -> Iterator[Connection]:
        """Those that are there, each once."""
        os.read(self.bell, 4096)
        while self._ready:
            yield self._ready.popleft()

    def close(self) -> None:
        """Begin no more. What comes yet is kept for others, and nobody waits for it."""
        with self._lock:
            self._wanted, self._closed = 0, True
            while self._ready:
                self._pool.give_back(self._ready.popleft())
            if self.bell >= 0:
                self._poll.unregister(self.bell)
                os.close(self.bell)
                os.close(self._rope)

    def _work(self) -> None:
        while self._takes_one():
            try:
                connection = self._pool.open()
            except Exception:  # with none at all, the next request tells why
                connection = None
            with self._lock:
                self._tell(connection)
                self._running -= 1  # after it is counted as ready

    def _takes_one(self) -> bool:
        with self._lock:
            if not self._wanted:
                return False
            self._wanted -= 1
            self._running += 1
            return True

    def _tell(self, connection: Connection | None) -> None:
        self.failed = self.failed or connection is None
        if not self._closed:
            if connection is not None:
                self._ready.append(connection)
            with suppress(BlockingIOError):
                os.write(self._rope, b".")
        elif connection is not None:
            self._pool.give_back(connection)
