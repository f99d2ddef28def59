"""The threads of one transfer: files begun lazily, results in order, the first failure stops all."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import TypeVar

from wabucketref.contracts.progress import Progress
from wabucketref.contracts.transfer import Cancel
from wabucketref.retry import RetryPolicy
from wabucketref.store.budget import Budget
from wabucketref.store.buffers import Buffers
from wabucketref.store.climb import Climb
from wabucketref.store.lane import Lane, Slot
from wabucketref.store.limits import TransferLimits
from wabucketref.threads import Pool

_STREAMS = 4
"""At first, and not more than there are processors: where these are the limit, as on a loopback, more would wait for
each other at the file's lock in the kernel. Where the network is, they double soon."""
_WINDOW = 4 << 10
"""Small files go on while a large one before them is still under way."""


T = TypeVar("T")
R = TypeVar("R")


class Stopped(Exception):
    """Another piece of the same transfer failed; that failure is the one raised to the caller."""


class Crew:
    """Threads, memory and stop sign of one transfer. Use as a context manager; leaving waits for what runs."""

    def __init__(
        self,
        limits: TransferLimits,
        budget: Budget,
        cancel: Cancel,
        progress: Progress,
        policy: RetryPolicy,
        buffers: Buffers | None = None,
    ) -> None:
        self.limits = limits
        self.policy = replace(policy, sleep=policy.sleep or cancel.wait)
        """For what the storage cannot try again by itself. Its delays end when the transfer is stopped."""
        self.budget = budget
        self.buffers = buffers or Buffers(limits.memory // 2)
        self.progress = progress
        self.cancel = cancel
        self.streams = Climb(limits.concurrency, first=max(2, min(_STREAMS, os.cpu_count() or 1)), steepest=2.0)
        """How many parts of one file to have under way."""
        self._failure: BaseException | None = None
        self._lock = threading.Lock()
        self._streams_lock = threading.Lock()
        self._many = limits.concurrency > 1
        self._files = Lane(Climb(limits.concurrency), "wabucket-file")
        # Pieces of files have threads of their own: a file waits for its pieces, so sharing them could lock up.
        self._pieces = Pool(limits.concurrency, thread_name_prefix="wabucket-piece")

    def check(self) -> None:
        """Raise when asked to stop or when another piece failed."""
        self.cancel.check()
        if self._failure is not None:
            raise Stopped

    def begin_anew(self) -> None:
        """Forget an earlier failure: nothing of what failed runs any more, and it is tried again as a whole."""
        with self._lock:
            self._failure = None

    def in_order(
        self, work: Callable[[T], R], items: Iterable[T], early: Iterable[T] = (), window: int = _WINDOW
    ) -> Iterator[R]:
        """Results of `work` in order of `items`, of which at most `window` are taken ahead; those that are also in
        `early` are begun before all others, in that order, unless one is done after the other.

        Raises:
            BaseException: the first failure, once nothing runs any more.
        """
        pending: deque[Slot[R]] = deque()
        try:
            begun: dict[T, Slot[R] | None] = {item: self._begin(work, item) for item in early if self._many}
            for item in items:
                self.check()
                pending.append((begun.pop(item, None) if begun else None) or self._begin(work, item))
                while pending and (len(pending) >= window or pending[0].done):
                    yield self._files.wait(pending.popleft())
            while pending:
                yield self._files.wait(pending.popleft())
        except BaseException as error:
            self._fail(error)
            self._files.empty()
            if self._failure is error or self._failure is None:
                raise
            raise self._failure from self._failure.__cause__

    def _begin(self, work: Callable[[T], R], item: T) -> Slot[R]:
        size = getattr(item, "size", 0)  # of what is no file: as quick as an empty one
        large = self._many and size > self.limits.multipart_threshold
        slot = Slot(partial(self._run, work, item), size, large=large)
        self._files.put(slot)
        return slot

    def piece(self, work: Callable[[], R]) -> "Future[R]":
        """Do one piece of a file in the background."""
        return self._pieces.submit(work)

    def streamed(self, size: int) -> None:
        """One part of a file has moved."""
        with self._streams_lock:
            self.streams.moved(size)

    def _run(self, work: Callable[[T], R], item: T) -> R:
        try:
            self.check()
            return work(item)
        except BaseException as error:
            self._fail(error)
            raise

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            if self._failure is None and not isinstance(error, (Stopped, GeneratorExit)):
                self._failure = error

    def __enter__(self) -> "Crew":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._fail(error)
        self._files.close()
        self._pieces.shutdown(cancel_futures=True)
