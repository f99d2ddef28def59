"""The threads that work on files: a queue, as many threads as are worth it, and a slot instead of a future an item.

Futures with their locks and conditions cost more than what is to be done for a small file. So does waking another
thread for each: whoever waits for a result works on files itself meanwhile, and where one or two at once are enough
hardly anybody waits for anybody.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from wabucketref.errors import LocalIOError
from wabucketref.store.engine.climb import Climb
from wabucketref.threads import start

R = TypeVar("R")
_LARGE_AT_ONCE: Final = 4
"""Each of them has many parts under way, which use up what there is; all other threads are for small files."""
_LARGE_ALONE: Final = 8
"""The same when there are no small files."""


class Slot(Generic[R]):
    """Something to do, and what came of it once it is `done`."""

    __slots__ = ("_error", "_result", "_work", "done", "large", "size")

    def __init__(self, work: Callable[[], R], size: int, *, large: bool) -> None:
        """`size`: in bytes, of the file that it is about. `large`: it keeps many threads busy by itself."""
        self._work: Callable[[], R] | None = work
        self._result: R | None = None
        self._error: BaseException | None = None
        self.size = size
        self.large = large
        self.done = False

    def run(self) -> None:
        work, self._work = self._work, None
        assert work is not None
        try:
            self._result = work()
        except BaseException as error:
            self._error = error
        self.done = True

    def settle(self, result: R) -> None:
        """It was done by other means."""
        self._work, self._result, self.done = None, result, True

    def result(self) -> R:
        """What the work gave, or raised."""
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]


class Lane:
    """Runs slots, large ones first, a few of these at a time, while small ones fill the gaps.

    One caller puts and waits, and is one of those that work on small ones; the others are threads.
    """

    def __init__(self, climb: Climb, name: str) -> None:
        self._climb = climb
        self._name = name
        self._small: deque[Slot[Any]] = deque()
        self._large: deque[Slot[Any]] = deque()
        self._threads: set[threading.Thread] = set()
        self._idle = self._running = self._large_running = 0
        self._closed = False
        self._lock = threading.Lock()
        self._queued = threading.Condition(self._lock)
        self._ended = threading.Condition(self._lock)
        self._awaited: Slot[Any] | None = None
        self._emptying = False

    def put(self, slot: Slot[Any]) -> None:
        """Have it done."""
        with self._lock:
            (self._large if slot.large else self._small).append(slot)
            if self._idle:
                self._idle -= 1
                self._queued.notify()
                return
            if not self._wants_more():
                return
        self._grow()

    def wait(self, slot: Slot[R]) -> R:
        """Its result, once it is there; what is queued is worked on until then."""
        mine: Slot[Any] | None = None
        while mine is not None or not slot.done:
            with self._lock:
                if mine is not None:
                    self._note(mine)
                mine = None if slot.done else self._mine()
                if mine is None:
                    self._awaited = slot
                    self._ended.wait_for(lambda: slot.done)
                    self._awaited = None
                more = self._leaves_some()
            if more:
                self._grow()
            if mine is not None:
                mine.run()
        return slot.result()

    def _mine(self) -> Slot[Any] | None:
        """What the caller of :meth:`wait` does itself; large ones only when there is nobody else."""
        queue = self._small or (self._large if not self._threads else None)
        if not queue:
            return None
        slot = queue.popleft()
        self._running += 1
        self._large_running += slot.large
        return slot

    def empty(self) -> None:
        """Forget what has not begun, and wait for what has."""
        with self._lock:
            self._small.clear()
            self._large.clear()
            self._emptying = True
            while self._running:
                self._ended.wait()
            self._emptying = False

    def close(self) -> None:
        """Wait for what runs; nothing is begun any more."""
        self.empty()
        with self._lock:
            self._closed = True
            self._queued.notify_all()
            threads = list(self._threads)
        for thread in threads:
            thread.join()

    def _grow(self) -> None:
        """One thread more, if the system gives one; without any, whoever waits does it all."""
        thread = threading.Thread(target=self._work, name=self._name, daemon=True)
        with self._lock:
            self._threads.add(thread)
        try:
            start(thread)
        except LocalIOError:
            with self._lock:
                self._threads.discard(thread)

    def _work(self) -> None:
        slot: Slot[Any] | None = None
        while True:
            with self._lock:
                if slot is not None:
                    self._note(slot)
                slot = None if self._is_too_many() else self._next()
                if slot is None:
                    self._threads.discard(threading.current_thread())
                    return
                more = self._leaves_some()
            if more:
                self._grow()
            slot.run()

    def _leaves_some(self) -> bool:
        """Whether what is queued shall have another thread."""
        return bool(self._small or self._large) and not self._idle and self._wants_more()

    def _wants_more(self) -> bool:
        """Whether another thread is of use."""
        return len(self._threads) < self._most()

    def _is_too_many(self) -> bool:
        return len(self._threads) > self._most()

    def _most(self) -> int:
        """Threads to have: as many as are wanted for small ones, of which the caller is one, and those at large ones,
        which leave nothing to the small ones and do not count."""
        large, allowed = self._large_running, _LARGE_AT_ONCE if self._small else _LARGE_ALONE
        return self._climb.wanted - 1 + max(large, min(allowed, large + len(self._large)))

    def _next(self) -> Slot[Any] | None:
        while not self._closed:
            if self._large and (self._large_running < _LARGE_AT_ONCE or not self._small):
                self._large_running += 1
                self._running += 1
                return self._large.popleft()
            if self._small:
                self._running += 1
                return self._small.popleft()
            self._idle += 1
            self._queued.wait()
        return None

    def _note(self, slot: Slot[Any]) -> None:
        self._running -= 1
        if slot.large:
            self._large_running -= 1
        else:
            self._climb.moved(slot.size)
        if slot is self._awaited or (self._emptying and not self._running):
            self._ended.notify_all()
