"""Bounds how many requests are under way at once, whoever asks, and asks for fewer where the store is throttling."""

import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

from wabucketref.contracts.storage import Storage
from wabucketref.errors import TransientError, WaBucketError
from wabucketref.store.wrappers.wrapper import Call, Wrapper

A = TypeVar("A")
R = TypeVar("R")
T = TypeVar("T")


class Limited(Wrapper):
    """At most `concurrency` calls at a time. Lies below the retry, so that nobody holds a slot while waiting.

    When the store asks to slow down the bound is halved, and grows again by one with each round of calls that go well.
    """

    passes_many = True

    def __init__(self, inner: Storage, concurrency: int) -> None:
        super().__init__(inner)
        self._most = float(concurrency)
        self._bound = self._most
        self._running = 0
        self._halvings = 0
        self._waiting = 0
        self._free = threading.Condition()
        self._many: set[int] = set()
        """Threads that have taken places for many requests."""

    @property
    def bound(self) -> int:
        """How many calls may be under way now."""
        return int(self._bound)

    def around(self, call: Call, action: Callable[[], T]) -> T:
        if call.method == "put_stream":
            # It lasts as long as its producer, who may itself need a slot.
            return action()
        begun, _ = self._begin(1)
        try:
            result = action()
        except BaseException as error:
            self._ended(begun, throttled=_is_throttled(error))
            raise
        self._ended(begun, well=1)
        return result

    def around_many(
        self, asked: Iterator[A], width: int, begin: Callable[[Iterator[A], int], Iterator[tuple[A, R]]]
    ) -> Iterator[tuple[A, R]]:
        """As many places as are free are taken at once, and given back when somebody else waits for one. Asked to slow
        down, it goes no further."""
        me, throttled = threading.get_ident(), False

        def going(first: A, places: int) -> Iterator[A]:
            yield first
            while not throttled and not self._gives_way(places, width) and (one := next(asked, None)) is not None:
                yield one

        for first in asked:  # before there are places: it may take a request to find it
            begun, places = self._begin(width)
            well = 0
            self._many.add(me)
            try:
                for one, outcome in begin(going(first, places), places):
                    throttled = throttled or _is_throttled(outcome)
                    well += not isinstance(outcome, WaBucketError)
                    yield one, outcome
            finally:
                self._many.discard(me)
                self._ended(begun, throttled=throttled, well=well, places=places)
            if throttled:
                return

    def _gives_way(self, places: int, width: int) -> bool:
        """Whether somebody waits, or so few places could at least be doubled."""
        return self._waiting > 0 or (places < width and self.bound - self._running > places)

    def _begin(self, most: int) -> tuple[int, int]:
        """Wait for a place and take up to so many that nobody waits for; with them, how often was halved until now.

        A thread that has taken many does not wait for one more: nobody else could give its own back.
        """
        with self._free:
            ahead = self._waiting if most > 1 else 0
            while self._running + ahead >= self.bound and threading.get_ident() not in self._many:
                self._waiting += 1
                self._free.wait()
                self._waiting -= 1
                ahead = 0
            places = max(1, min(most, self.bound - self._running - self._waiting))
            self._running += places
            return self._halvings, places

    def _ended(self, begun: int, *, throttled: bool = False, well: int = 0, places: int = 1) -> None:
        """`well`: how many calls went well."""
        with self._free:
            self._running -= places
            if throttled:
                if begun == self._halvings:  # one halving for all calls of one burst
                    self._bound = max(1.0, self._bound / 2)
                    self._halvings += 1
            elif well and self._bound < self._most:
                self._bound = min(self._most, self._bound + well / self._bound)
            if self._waiting:
                self._free.notify(places + 1)  # one more for a bound that has grown


def _is_throttled(outcome: object) -> bool:
    return isinstance(outcome, TransientError) and outcome.throttled
