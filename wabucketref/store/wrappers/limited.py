"""Bounds how many requests are under way at once, whoever asks, and asks for fewer where the store is throttling."""

import threading
from collections.abc import Callable
from typing import TypeVar

from wabucketref.contracts.storage import Storage
from wabucketref.errors import TransientError
from wabucketref.store.wrappers.wrapper import Call, Wrapper

T = TypeVar("T")


class Limited(Wrapper):
    """At most `concurrency` calls at a time. Lies below the retry, so that nobody holds a slot while waiting.

    When the store asks to slow down the bound is halved, and grows again by one with each round of calls that go well.
    """

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
        with self._free:
            while self._running >= self.bound:
                self._waiting += 1
                self._free.wait()
                self._waiting -= 1
            self._running += 1
            begun = self._halvings
        try:
            result = action()
        except BaseException as error:
            self._ended(begun, throttled=isinstance(error, TransientError) and error.throttled)
            raise
        self._ended(begun, throttled=False, well=True)
        return result

    def _ended(self, begun: int, *, throttled: bool, well: bool = False) -> None:
        with self._free:
            self._running -= 1
            if throttled and begun == self._halvings:  # one halving for all calls of one burst
                self._bound = max(1.0, self._bound / 2)
                self._halvings += 1
            elif well and self._bound < self._most:
                self._bound = min(self._most, self._bound + 1 / self._bound)
            if self._waiting:
                self._free.notify(2)  # one for the place that is free, one for a bound that has grown
