"""A queue that is fair to those who share it: a thousand items of one do not keep another's first waiting."""

import threading
from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Owners take turns; of one owner's items the oldest goes first. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._items: OrderedDict[Hashable, deque[T]] = OrderedDict()
        """The owners that have items waiting, in the order of their turns."""
        self.closed = False

    def __len__(self) -> int:
        with self._changed:
            return sum(map(len, self._items.values()))

    def put(self, owner: Hashable, item: T) -> None:
        """Never waits. An owner without items waiting gets the last turn of this round."""
        with self._changed:
            self._items.setdefault(owner, deque()).append(item)
            self._changed.notify()

    def take(self) -> T | None:
        """The next item; waits for one until the queue is closed, then None when there is none."""
        with self._changed:
            while not self._items and not self.closed:
                self._changed.wait()
            if not self._items:
                return None
            owner, waiting = self._items.popitem(last=False)
            item = waiting.popleft()
            if waiting:
                self._items[owner] = waiting
            return item

    def close(self) -> None:
        """Let those who wait go; what is in the queue, or still put there, may be taken all the same."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()
