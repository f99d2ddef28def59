"""Bounds how many requests are under way at once, whoever asks, and asks for fewer where the store is throttling."""

import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

from wabucketref.contracts.storage import Storage
from wabucketref.errors import TransientError
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
            self._ended(begun, throttled=isinstance(error, TransientError) and error.throttled)
            raise
        self._ended(begun, throttled=False, well=True)
        return result

    def around_many(
        self, asked: Iterator[A], width: int, begin: Callable[[Iterator[A], int], Iterator[tuple[A, R]]]
    ) -> Iterator[tuple[A, R]]:
        """As many places as are free are taken at once. Asked to slow down, it goes no further."""
        begun, places = self._begin(width)
        throttled = False

        def going() -> Iterator[A]:
            while not throttled and (one := next(asked, None)) is not None:
                yield one

        try:
            for one, outcome in begin(going(), places):
                throttled = throttled or (isinstance(outcome, TransientError) and outcome.throttled)
                yield one, outcome
        finally:
            self._ended(begun, throttled=throttled, well=not throttled, places=places)

    def _begin(self, most: int) -> tuple[int, int]:
        """Wait for a place and take up to so many that are free; with them, how often was halved until now."""
        with self._free:
            while self._running >= self.bound:
                self._waiting += 1
                self._free.wait()
                self._waiting -= 1
            places = min(most, self.bound - self._running)
            self._running += places
            return self._halvings, places

    def _ended(self, begun: int, *, throttled: bool, well: bool = False, places: int = 1) -> None:
        with self._free:
            self._running -= places
            if throttled and begun == self._halvings:  # one halving for all calls of one burst
                self._bound = max(1.0, self._bound / 2)
                self._halvings += 1
            elif well and self._bound < self._most:
                self._bound = min(self._most, self._bound + 1 / self._bound)
            if self._waiting:
                self._free.notify(places + 1)  # one more for a bound that has grown
