"""How much of the machine transfers may use: sizes and counts, a budget of memory, and buffers that are used again."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from wabucketref.contracts.storage import MAX_PARTS
from wabucketref.errors import UsageError

MAX_OBJECT_BYTES: Final = 5 << 40
_MIB: Final = 1 << 20
HELD_BYTES: Final = 4 * _MIB
"""Of a request whose answer is taken piece by piece so much is in memory, at most."""

SMALL_BYTES: Final = 64 << 10
_SMALLEST: Final = 256 << 10
"""Of the buffers."""


@dataclass(frozen=True, slots=True)
class TransferLimits:
    """Sizes in bytes."""

    concurrency: int = 128
    """Most small files at once, and most parts of files; how many are of use is found out: ``climb``, ``width``."""
    memory: int = 128 * _MIB
    """File content held at once, by all transfers together."""
    part_size: int = 8 * _MIB
    multipart_threshold: int = 16 * _MIB
    """Larger files go in parts."""

    @property
    def small(self) -> int:
        """Files up to so many bytes go many at a time, where the storage can."""
        return min(SMALL_BYTES, self.multipart_threshold)

    def part_bytes(self, size: int, smallest: int) -> int:
        """The part size for a file of `size` bytes, so that it fits into as many parts as stores allow.

        Raises:
            UsageError: no store takes an object of that size.
        """
        if size > MAX_OBJECT_BYTES:
            raise UsageError(f"a file of {size} bytes is larger than the 5 TiB that stores take", hint="split it")
        part, needed = max(self.part_size, smallest), -(-size // MAX_PARTS)
        return part if part >= needed else -(-needed // _MIB) * _MIB


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


class Buffers:
    """Hands out buffers of the sizes asked for, rounded up to powers of two. Thread-safe.

    To get fresh memory for each piece costs more than to fill it.
    """

    def __init__(self, most: int) -> None:
        """`most`: bytes to keep at most while nobody uses them."""
        self._most = most
        self._kept = 0
        self._lock = threading.Lock()
        self._free: dict[int, list[bytearray]] = {}

    @contextmanager
    def of(self, size: int) -> Iterator[memoryview]:
        """`size` bytes of any content, good within the block."""
        buffer = self.take(size)
        try:
            yield memoryview(buffer)[:size]
        finally:
            self.give(buffer)

    def take(self, size: int) -> bytearray:
        """A buffer of at least `size` bytes, until it is given back."""
        rounded = max(_SMALLEST, 1 << (size - 1).bit_length() if size > 1 else 1)
        with self._lock:
            free = self._free.get(rounded)
            if free:
                self._kept -= rounded
                return free.pop()
        return bytearray(rounded)

    def give(self, buffer: bytearray) -> None:
        """Nobody looks at it any more."""
        size = len(buffer)
        with self._lock:
            if self._kept + size <= self._most:
                self._kept += size
                self._free.setdefault(size, []).append(buffer)
