"""Threads where the system may refuse to start another one: our error then, and pools that make do with fewer."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
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
