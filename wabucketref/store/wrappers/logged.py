"""One debug line a request: method, key, bytes, milliseconds, outcome."""

import logging
import time
from collections.abc import Callable, Iterator
from typing import TypeVar, cast

from wabucketref.contracts.many import Copy, Put, Read
from wabucketref.contracts.storage import Storage
from wabucketref.errors import WaBucketError
from wabucketref.store.wrappers.wrapper import Call, Wrapper

A = TypeVar("A")
R = TypeVar("R")
T = TypeVar("T")
_log = logging.getLogger("wabucketref.storage")


class Logged(Wrapper):
    """Each record carries ``method``, ``key``, ``bytes``, ``ms`` and ``outcome`` as attributes for structured logs."""

    passes_many = True

    def __init__(self, inner: Storage, logger: logging.Logger = _log, clock: Callable[[], float] = time.perf_counter):
        super().__init__(inner)
        self._logger = logger
        self._clock = clock

    def around(self, call: Call, action: Callable[[], T]) -> T:
        if not self._logger.isEnabledFor(logging.DEBUG):
            return action()
        begun = self._clock()
        outcome = "interrupted"
        try:
            result = action()
            outcome = "ok"
            return result
        except WaBucketError as error:
            outcome = f"{error.kind}: {error}"
            raise
        finally:
            self._write(call, (self._clock() - begun) * 1000, outcome)

    def around_many(
        self, asked: Iterator[A], width: int, begin: Callable[[Iterator[A], int], Iterator[tuple[A, R]]]
    ) -> Iterator[tuple[A, R]]:
        if not self._logger.isEnabledFor(logging.DEBUG):
            return begin(asked, width)
        return self._timed(asked, lambda asked: begin(asked, width))

    def _timed(
        self, asked: Iterator[A], begin: Callable[[Iterator[A]], Iterator[tuple[A, R]]]
    ) -> Iterator[tuple[A, R]]:
        begun: dict[int, float] = {}

        def beginning() -> Iterator[A]:
            for one in asked:
                begun[id(one)] = self._clock()
                yield one

        for one, outcome in begin(beginning()):
            seconds = self._clock() - begun.pop(id(one))
            if outcome is not None:
                said = f"{outcome.kind}: {outcome}" if isinstance(outcome, WaBucketError) else "ok"
                self._write(_call(one), seconds * 1000, said)
            yield one, outcome

    def _write(self, call: Call, ms: float, outcome: str) -> None:
        fields = {"method": call.method, "key": call.key, "bytes": call.bytes, "ms": ms, "outcome": outcome}
        self._logger.debug("%s %r %d bytes %.1f ms %s", call.method, call.key, call.bytes, ms, outcome, extra=fields)


def _call(one: object) -> Call:
    """One of many requests."""
    if isinstance(one, Put):
        return Call("put", one.key, len(one.data))
    return Call("copy" if isinstance(one, Copy) else "read", cast(Copy | Read, one).key)
