"""How many small requests one thread is to have under way: as many as keep it busy while each waits for its answer.

How long an answer takes, and what a request costs here, tell that at once; nothing has to be tried step by step.
"""

import time
from collections.abc import Callable
from typing import Final

FIRST: Final = 8
"""As long as nothing is known of the network, and what nobody is harmed by: who is answered at once opens fewer."""
_COST: Final = 150e-6
"""Processor seconds of a request, as long as none was made."""
_LEAST_COST: Final = 20e-6
_SPARE: Final = 1.25
_LOOK_SECONDS: Final = 0.03
_BUSY: Final = 0.85
"""Of one processor: whoever uses so much waits for himself."""
_CROWDED: Final = 3.0
"""Answers that take so many times as long as one alone wait for each other, at the server or on the way."""
_CALM: Final = 1.5
_AGAIN: Final = 15
"""Looks after which twice as many are tried where it was crowded."""
_CLASS_BITS: Final = 3
"""Answers are compared with those of like size: up to eight times as large."""


class Width:
    """For one thread.

    Where answers wait for each other, fewer bring as much: twice what a server answers in the time of one alone. Unless
    answers are as slow after that: then it is the way that has become longer, and nothing is gained by fewer.
    """

    def __init__(
        self,
        most: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        spent: Callable[[], float] = time.thread_time,
        busy: Callable[[], float] = time.process_time,
    ) -> None:
        """`spent`: processor seconds that this thread has used so far; `busy`: all of this process."""
        self.most = most
        self.wanted = min(FIRST, most)
        """How many at once, now."""
        self._clock, self._spent, self._busy = clock, spent, busy
        self._least: dict[int, float] = {}
        """By class of size, the least seconds that an answer took."""
        self._cut: float | None = None
        """How many times as long answers took before fewer were wanted."""
        self._skipped = self._rest = 0
        self._begin()

    def expect(self, seconds: float) -> None:
        """So long a small request takes, of those that were made one by one."""
        if not self._least:
            self.wanted = self._room(seconds, _COST)

    def again(self, most: int) -> "Width":
        """One for the next requests, of which at most so many are to be under way."""
        other = Width(most, clock=self._clock, spent=self._spent, busy=self._busy)
        other._least = dict(self._least)
        other.wanted = min(self.wanted, most)
        return other

    def landed(self, size: int, seconds: float) -> None:
        """An answer came after so long; request and answer have `size` bytes."""
        if self._skipped:
            self._skipped -= 1
            return
        kind = size.bit_length() // _CLASS_BITS
        least = self._least.get(kind)
        if least is None or seconds < least:
            self._least[kind] = least = seconds
        self._alone += least
        self._took += seconds
        self._count += 1
        if self._count >= self.wanted and self._clock() - self._since >= _LOOK_SECONDS:
            self._look()

    def _begin(self) -> None:
        self._count, self._alone, self._took = 0, 0.0, 0.0
        self._since, self._spent_since, self._busy_since = self._clock(), self._spent(), self._busy()

    def _look(self) -> None:
        seconds, count = self._clock() - self._since, self._count
        alone, slow = self._alone / count, self._took / self._alone
        cost = max(_LEAST_COST, (self._spent() - self._spent_since) / count)
        idle = self._busy() - self._busy_since < _BUSY * seconds
        cut, self._cut = self._cut, None
        if cut is not None and slow > cut * 0.7:
            self._least = {kind: least * slow for kind, least in self._least.items()}
            alone, slow, self._rest = alone * slow, 1.0, 0
        if slow > _CROWDED and idle:
            self._narrow(int(2 * count / seconds * alone) + 1, slow)
        elif self._rest and slow > _CALM:
            self._rest -= 1
        else:
            room = self._room(alone * min(slow, _CALM), cost)
            self.wanted = room if slow <= _CALM else min(room, 2 * self.wanted)
            self._rest = 0
        self._begin()

    def _narrow(self, enough: int, slow: float) -> None:
        self._rest = _AGAIN
        if enough < self.wanted:
            self._cut, self._skipped = slow, self.wanted  # which were sent before
            self.wanted = max(2, enough)

    def _room(self, seconds: float, cost: float) -> int:
        return min(self.most, max(FIRST, int(_SPARE * seconds / cost) + 1))
