"""Gives memory back that the service no longer uses, so that it is small again after a day of work.

Two keep it otherwise. The C library makes an arena for each few threads, up to eight a processor, and what is free in
one serves no other: buffers of some hundred threads lie scattered over all of them. And errors refer to each other in
circles with the frames that met them, which Python looks for the less, the more it has altogether.
"""

import ctypes
import gc
import logging
import os
import time
from collections.abc import Callable
from typing import Final

log = logging.getLogger(__name__)

_M_ARENA_MAX: Final = -8
_ARENAS: Final = 2
"""Python's own lock lets hardly two threads allocate at once."""
_REST_SECONDS: Final = 1.0
"""Without a run, after which it rests. Commands that follow each other closely do not let it."""
_LEAST_SECONDS: Final = 10.0
_WORK_SECONDS: Final = 60.0
"""Between two times in long work; then Python does not look for circles, for which everybody has to wait."""


class Upkeep:
    """Says when it is time, and does it. One thread at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._done = self._busy_at = clock()
        self._used = False

    def is_due(self, busy: bool) -> bool:
        """Whether it is time; asked a few times a second. `busy`: a run is open."""
        now = self._clock()
        if busy:
            self._used, self._busy_at = True, now
            return now - self._done >= _WORK_SECONDS
        return self._used and now - self._busy_at >= _REST_SECONDS and now - self._done >= _LEAST_SECONDS

    def do(self, busy: bool) -> None:
        """Give back what can be found now."""
        self._used = busy
        if not busy:
            gc.collect()
        _trim()
        self._done = self._clock()


def few_arenas() -> None:
    """Have few arenas in this process, unless its user says how many. To be called before it has many threads."""
    if "MALLOC_ARENA_MAX" not in os.environ:
        _library_call("mallopt", _M_ARENA_MAX, _ARENAS)


def _trim() -> None:
    """Give the whole pages back that are free inside of arenas."""
    _library_call("malloc_trim", 0)


def _library_call(name: str, *arguments: int) -> None:
    """A call of the GNU C library; of others nothing is asked."""
    call = getattr(ctypes.CDLL(None), name, None)
    if call is not None:
        call(*arguments)
