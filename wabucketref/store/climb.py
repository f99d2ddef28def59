"""How many files, or parts of one, to work on at once: more as long as that moves more and the processor keeps up."""

import time
from collections.abc import Callable
from typing import Final

FIRST: Final = 8
_LOOK_SECONDS: Final = 0.05
_GAIN: Final = 1.1
"""Twice as many at once must move at least so much more."""
_BUSY: Final = 0.85
"""Of one processor: Python runs on one at a time, so further threads would only take it from each other."""
_AGAIN: Final = 40
"""Looks after which a step that brought nothing is tried once more: networks change."""
_WEIGHT: Final = 64 << 10
"""Bytes that take about as long as the request that moves them."""


class Climb:
    """Doubles while throughput grows; a step that brings nothing is taken back. Callers exclude each other."""

    def __init__(
        self,
        most: int,
        *,
        first: int = FIRST,
        clock: Callable[[], float] = time.monotonic,
        busy: Callable[[], float] = time.process_time,
    ) -> None:
        """`busy`: processor seconds used so far."""
        self.wanted = min(first, most)
        """How many at once, now."""
        self._most = most
        self._clock = clock
        self._busy = busy
        self._moved, self._files = 0.0, 0
        self._since, self._busy_since = clock(), busy()
        self._before: float | None = None
        """The rate before the last step up."""
        self._rest = 0

    def moved(self, size: int) -> None:
        """One file, or part of one, of `size` bytes is done."""
        self._moved += 1 + size / _WEIGHT
        self._files += 1
        seconds = self._clock() - self._since
        if seconds >= _LOOK_SECONDS and self._files >= self.wanted:
            self._look(seconds)

    def _look(self, seconds: float) -> None:
        rate, share = self._moved / seconds, (self._busy() - self._busy_since) / seconds
        if self._before is not None and rate < self._before * _GAIN:
            self.wanted, self._rest = max(1, self.wanted // 2), _AGAIN
            self._before = None
        elif self._rest:
            self._rest -= 1
        elif share < _BUSY and self.wanted < self._most:
            self._before = rate
            self.wanted = min(self._most, self.wanted * 2)
        else:
            self._before = None
        self._moved, self._files = 0.0, 0
        self._since, self._busy_since = self._clock(), self._busy()
