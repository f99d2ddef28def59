"""A budget of bytes, shared by all transfers of a process, given out in order of asking."""

import threading
from collections import deque
from collections.abc import Callable


class Budget:
    """Bounds the file content held in memory. Thread-safe."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.peak = 0
        """Most bytes ever given out at once."""
        self._used = 0
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    def acquire(self, size: int, check: Callable[[], None]) -> int:
        """Wait for `size` bytes and return what to give back, which is less for more than there is at all.

        `check` is called now and then while waiting and may raise.
        """
        size, ticket = min(size, self.capacity), object()
        with self._changed:
            if not self._waiting and self._used + size <= self.capacity:
                self._take(size)
                return size
            self._waiting.append(ticket)
            try:
                while self._waiting[0] is not ticket or self._used + size > self.capacity:
                    self._changed.wait(0.2)
                    check()
                self._take(size)
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()
        return size

    def try_acquire(self, size: int) -> int | None:
        """As :meth:`acquire`, but None instead of waiting."""
        size = min(size, self.capacity)
        with self._changed:
            if self._waiting or self._used + size > self.capacity:
                return None
            self._take(size)
        return size

    def _take(self, size: int) -> None:
        self._used += size
        self.peak = max(self.peak, self._used)

    def release(self, size: int) -> None:
        with self._changed:
            self._used -= size
            if self._waiting:
                self._changed.notify_all()
