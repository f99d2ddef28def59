"""Memory for file content that is used again: to get fresh memory for each piece costs more than to fill it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_SMALLEST: Final = 256 << 10


class Buffers:
    """Hands out buffers of the sizes asked for, rounded up to powers of two. Thread-safe."""

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
