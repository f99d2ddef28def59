"""How many files, or parts of one, to work on at once: more as long as that moves more and the processor keeps up."""

import time
from collections.abc import Callable
from typing import Final

FIRST: Final = 2
_LOOK_SECONDS: Final = 0.03
_GAIN: Final = 1.1
"""A step up must move at least so much more."""
_BUSY: Final = 0.85
"""Of one processor: Python runs on one at a time, so further threads would only take it from each other."""
_AGAIN: Final = 15
"""Looks after which a step that brought nothing is tried once more: networks change."""
_WEIGHT: Final = 64 << 10
"""Bytes that take about as long as the request that moves them."""


class Climb:
    """Grows while throughput does; a step that brings nothing is taken back. Callers exclude each other.

    As many are wanted as keep one processor busy: if those under way leave it idle for four fifths of the time, they
    wait for the network so long, and five times as many have room.
    """

    def __init__(
        self,
        most: int,
        *,
        first: int = FIRST,
        steepest: float = 4.0,
        clock: Callable[[], float] = time.monotonic,
        busy: Callable[[], float] = time.process_time,
    ) -> None:
        """`steepest`: how many times as many a step may ask for. `busy`: processor seconds used so far."""
        self.wanted = min(first, most)
        """How many at once, now."""
        self._most = most
        self._steepest = steepest
        self._clock = clock
        self._busy = busy
        self._moved, self._files = 0.0, 0
        self._since, self._busy_since = clock(), busy()
        self._before: tuple[float, int] | None = None
        """The rate before the last step up, and how many were wanted."""
        self._doubted = False
        """Whether that step was seen to bring too little, once."""
        self._rest = 0

    def moved(self, size: int) -> None:
        """One file, or part of one, of `size` bytes is done."""
        self._moved += 1 + size / _WEIGHT
        self._files += 1
        if self._files >= self.wanted:
            seconds = self._clock() - self._since
            if seconds >= _LOOK_SECONDS:
                self._look(seconds)

    def _look(self, seconds: float) -> None:
        rate, share = self._moved / seconds, (self._busy() - self._busy_since) / seconds
        enough = self._enough(rate, *self._before) if self._before is not None else None
        if enough is not None and not self._doubted:
            self._doubted = True  # what a new connection carries comes late: the next look counts
        elif enough is not None:
            self.wanted, self._rest, self._before = enough, _AGAIN, None
        elif self._rest:
            self._rest -= 1
        elif share < _BUSY and self.wanted < self._most:
            self._before, self._doubted = (rate, self.wanted), False
            times = min(self._steepest, _BUSY / share) if share > 0 else self._steepest
            self.wanted = min(self._most, max(self.wanted + 1, int(self.wanted * times)))
        else:
            self._before = None
        self._moved, self._files = 0.0, 0
        self._since, self._busy_since = self._clock(), self._busy()

    def _enough(self, rate: float, before: float, wanted: int) -> int | None:
        """How many do where the step from `wanted`, when the rate was `before`, brought too little; None where it did
        not. Another program may keep the processor from us, and that looks like a network that is waited for."""
        gain = rate / before
        if gain >= _GAIN and wanted * gain >= self.wanted / 2:
            return None
        return wanted if gain < _GAIN else min(self.wanted, int(wanted * gain + 0.5))
