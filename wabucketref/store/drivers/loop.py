"""Runs coroutines of asynchronous clients on fsspec's event-loop thread and waits for them."""

import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

T = TypeVar("T")


def submit(work: Coroutine[Any, Any, T]) -> "Future[T]":
    """Start `work` on the loop's thread; many threads may have work under way at once."""
    import asyncio

    from fsspec.asyn import get_loop

    return asyncio.run_coroutine_threadsafe(work, get_loop())


def run(work: Coroutine[Any, Any, T]) -> T:
    """Wait for `work`; when the wait is interrupted the work is cancelled."""
    future = submit(work)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise
    finally:
        del future  # its error would hold this frame, which holds it, and with both what was to be sent


class PerProcess(Generic[T]):
    """A thing made on first use and made anew in a forked child, which can use no connection of its parent.

    Whoever waits while it cannot be made is told why, too, and does not try it again: that may have asked a user.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._pid = -1
        self._lock = threading.Lock()
        self._thing: T | None = None
        self._failures = 0
        self._failed: BaseException | None = None
        """The last of them."""

    def get(self) -> T:
        if self._pid == os.getpid():  # before the thing is looked at: it may be the parent's until then
            thing = self._thing
            if thing is not None:
                return thing  # without the lock, since many threads ask with each request
        if self._pid != os.getpid():
            self._lock = threading.Lock()  # a lock may have been held when the parent forked
            self._thing, self._pid = None, os.getpid()
        failures = self._failures
        with self._lock:
            if self._thing is None:
                if self._failed is not None and self._failures != failures:
                    raise self._failed
                self._thing = self._made()
            return self._thing

    def _made(self) -> T:
        try:
            made = self._make()
        except BaseException as error:
            self._failures, self._failed = self._failures + 1, error
            raise
        self._failed = None
        return made

    def renew(self, old: T) -> None:
        """Have a new one made in the place of `old`, unless somebody did so already."""
        with self._lock:
            if self._thing is old:
                self._thing = None

    def drop(self) -> None:
        """Let go of the thing, whose finaliser closes it."""
        self._thing = None
