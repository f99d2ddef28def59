"""Threads where the system may refuse to start another one: our error then, and pools that make do with fewer."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import Lock, Thread
from typing import Any, Generic, ParamSpec, TypeVar

from wabucketref.errors import LocalIOError

T = TypeVar("T")
P = ParamSpec("P")


def start(thread: Thread) -> None:
    """Start it.

    Raises:
        LocalIOError: the system refuses.
    """
    try:
        thread.start()
    except RuntimeError as error:
        raise LocalIOError(
            "the system refuses to start another thread",
            hint="raise the limit of processes (ulimit -u) or of memory, or lower WABUCKET_CONCURRENCY",
        ) from error


class Beside(Generic[T]):
    """Does `work` in a thread of its own while the block goes on, at the end of which it is done; where no thread is to
    be had, when it is asked for the result, or at the end."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._once = _Once(work)
        self._thread = Thread(target=self._once, name="wabucket-beside", daemon=True)

    def __enter__(self) -> "Beside[T]":
        with suppress(LocalIOError):
            start(self._thread)
        return self

    def __exit__(self, *error: object) -> None:
        self._once()  # unless the thread has begun
        if self._thread.ident is not None:
            self._thread.join()

    def result(self) -> T:
        """What `work` gave, or raises what it raised. Waits for it."""
        self._once()
        return self._once.future.result()


class Pool(ThreadPoolExecutor):
    """A pool that makes do with the threads it has when it cannot have more; with none, the caller does the work."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        once = _Once(lambda: fn(*args, **kwargs))
        try:
            super().submit(once)
        except RuntimeError as error:
            if "shutdown" in str(error):
                raise
            once()  # it is queued all the same, and is done once
        return once.future


class _Once(Generic[T]):
    """Work that is done by who comes first."""

    def __init__(self, work: Callable[[], T]) -> None:
        self.future: Future[T] = Future()
        self._work = work
        self._begun = Lock()

    def __call__(self) -> Any:
        if not self._begun.acquire(blocking=False) or not self.future.set_running_or_notify_cancel():
            return
        try:
            self.future.set_result(self._work())
        except BaseException as error:
            self.future.set_exception(error)
