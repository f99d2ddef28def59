"""Which items wait for the one before them: writes of one run to one alias are carried out in the order of asking."""

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Succession(Generic[T]):
    """Items that have a key in common go one after the other. Callers exclude each other."""

    def __init__(self) -> None:
        self._behind: dict[Hashable, deque[T]] = {}
        """Keys of which an item was let go and has not ended, and what waits for that."""

    def may_go(self, key: Hashable, item: T) -> bool:
        """Whether the item can go at once; otherwise :meth:`ended` gives it when it is its turn."""
        behind = self._behind.get(key)
        if behind is None:
            self._behind[key] = deque()
            return True
        behind.append(item)
        return False

    def ended(self, key: Hashable) -> T | None:
        """The item that was let go last has ended; the next one, which goes now."""
        if behind := self._behind[key]:
            return behind.popleft()
        del self._behind[key]
        return None
