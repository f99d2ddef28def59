"""One debug line a request: method, key, bytes, milliseconds, outcome."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from wabucketref.contracts.storage import Storage
from wabucketref.errors import WaBucketError
from wabucketref.store.wrappers.wrapper import Call, Wrapper

T = TypeVar("T")
_log = logging.getLogger("wabucketref.storage")


class Logged(Wrapper):
    """Each record carries ``method``, ``key``, ``bytes``, ``ms`` and ``outcome`` as attributes for structured logs."""

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

    def _write(self, call: Call, ms: float, outcome: str) -> None:
        fields = {"method": call.method, "key": call.key, "bytes": call.bytes, "ms": ms, "outcome": outcome}
        self._logger.debug("%s %r %d bytes %.1f ms %s", call.method, call.key, call.bytes, ms, outcome, extra=fields)
