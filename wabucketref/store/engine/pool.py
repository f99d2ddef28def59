"""The threads of one transfer: files begun lazily, results in order, the first failure stops all."""

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Protocol, TypeVar

from wabucketref.contracts.progress import Progress
from wabucketref.contracts.transfer import Cancel
from wabucketref.retry import RetryPolicy
from wabucketref.store.engine.climb import Climb
from wabucketref.store.engine.lane import Lane, Slot
from wabucketref.store.engine.limits import SMALL_BYTES, Budget, Buffers, TransferLimits
from wabucketref.threads import Pool

_STREAMS = 4
"""At first, and not more than there are processors: where these are the limit, as on a loopback, more would wait for
each other at the file's lock in the kernel. Where the network is, they double soon."""
_LEFT = 16
"""Requests at once that many small files leave to others."""
_WINDOW = 4 << 10
"""Small files go on while a large one before them is still under way."""


T = TypeVar("T")
R = TypeVar("R")
S = TypeVar("S", covariant=True)


class Together(Protocol[T, S]):
    """Does many small pieces of work at once in one thread, where each takes less time than to hand it to another."""

    def takes(self, item: T) -> bool:
        """Whether it is of this kind."""

    def run(self, items: Iterator[T]) -> Generator[tuple[T, S | None]]:
        """Do all that `items` gives, and perhaps not ask for all. Results come in any order; None for what has to be
        done by itself."""


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
        self,
        work: Callable[[T], R],
        items: Iterable[T],
        early: Iterable[T] = (),
        window: int = _WINDOW,
        together: "Together[T, R] | None" = None,
    ) -> Iterator[R]:
        """Results of `work` in order of `items`, of which at most `window` are taken ahead; those that are also in
        `early` are begun before all others, in that order, unless one is done after the other. What may be done
        `together` is, by the caller of this, as far as possible.

        Raises:
            BaseException: the first failure, once nothing runs any more.
        """
        pending: deque[Slot[R]] = deque()
        put_off: deque[tuple[T, Slot[R]]] = deque()
        together = together if self._many else None  # where one is done after the other, it is in order
        try:
            begun: dict[T, Slot[R] | None] = {item: self._begin(work, item) for item in early if self._many}
            for item in items:
                self.check()
                if together is not None and together.takes(item):
                    slot = self._slot(work, item)
                    put_off.append((item, slot))
                    pending.append(slot)
                else:
                    pending.append((begun.pop(item, None) if begun else None) or self._begin(work, item))
                while pending and (len(pending) >= window or pending[0].done):
                    yield self._result(pending, put_off, together)
            while pending:
                yield self._result(pending, put_off, together)
        except BaseException as error:
            self._fail(error)
            self._files.empty()
            if self._failure is error or self._failure is None:
                raise
            raise self._failure from self._failure.__cause__

    def _begin(self, work: Callable[[T], R], item: T) -> Slot[R]:
        slot = self._slot(work, item)
        self._files.put(slot)
        return slot

    def _slot(self, work: Callable[[T], R], item: T) -> Slot[R]:
        size = getattr(item, "size", 0)  # of what is no file: as quick as an empty one
        large = self._many and size > self.limits.multipart_threshold
        return Slot(partial(self._run, work, item), size, large=large)

    def _result(
        self, pending: deque[Slot[R]], put_off: deque[tuple[T, Slot[R]]], together: "Together[T, R] | None"
    ) -> R:
        """That of the first that is pending, before which what was put off is done."""
        slot = pending.popleft()
        if not slot.done and put_off and together is not None:
            self._do_together(put_off, together)
        return self._files.wait(slot)

    def _do_together(self, put_off: deque[tuple[T, Slot[R]]], together: "Together[T, R]") -> None:
        under_way: dict[int, Slot[R]] = {}

        def items() -> Iterator[T]:
            while put_off:
                self.check()
                item, slot = put_off.popleft()
                under_way[id(item)] = slot
                yield item

        with closing(together.run(items())) as outcomes:
            for item, outcome in outcomes:
                slot = under_way.pop(id(item))
                if outcome is None:
                    self._files.put(slot)
                else:
                    slot.settle(outcome)
        for slot in under_way.values():  # what was asked for, and nothing said of
            self._files.put(slot)
        while put_off:  # the store wants no more at once
            self._files.put(put_off.popleft()[1])

    @contextmanager
    def many_small(self) -> Iterator[int]:
        """How many small files to have in memory and under way at once, which leaves something to the others."""
        most = self.limits.concurrency - min(_LEFT, self.limits.concurrency // 2)
        held = self.budget.acquire(min(most * SMALL_BYTES, self.budget.capacity // 4), self.check)
        try:
            yield max(1, min(most, held // SMALL_BYTES))
        finally:
            self.budget.release(held)

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
