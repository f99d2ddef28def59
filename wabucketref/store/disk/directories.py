"""Directories that stay open between uses: many files lie in few of them, and opening each follows no link."""

import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final

_MOST: Final = 32


class Directories:
    """Descriptors of directories by path, the latest few of them. Thread-safe; close it after use."""

    def __init__(self, open: Callable[[str], int]) -> None:
        """`open` gives a new descriptor of the directory at a path, and may raise."""
        self._open = open
        self._lock = threading.Lock()
        self._kept: dict[str, int] = {}
        self._users: dict[int, int] = {}

    def at(self, path: str) -> "Use":
        """A descriptor of the directory, good within a ``with`` block, which raises what `open` does."""
        return Use(self, path)

    def take(self, path: str) -> int:
        """As :meth:`at`, until it is given back."""
        with self._lock:
            found = self._kept.get(path)
            if found is not None:
                self._users[found] += 1
                return found
        made = self._open(path)
        with self._lock:
            found = self._kept.setdefault(path, made)
            self._users[found] = self._users.get(found, 0) + 1
            spare = self._spare() if found == made else [made]
        for descriptor in spare:
            os.close(descriptor)
        return found

    def give(self, descriptor: int) -> None:
        """The caller of :meth:`take` does not use it any more."""
        with self._lock:
            self._users[descriptor] -= 1

    def _spare(self) -> list[int]:
        """The oldest one that nobody uses, when there are too many; no longer kept."""
        if len(self._kept) <= _MOST:
            return []
        path = next((path for path, descriptor in self._kept.items() if not self._users[descriptor]), None)
        if path is None:
            return []
        descriptor = self._kept.pop(path)
        del self._users[descriptor]
        return [descriptor]

    def close(self) -> None:
        """Close them all; nobody uses them any more. Idempotent."""
        with self._lock:
            kept, self._kept, self._users = self._kept, {}, {}
        for descriptor in kept.values():
            os.close(descriptor)


class Use:
    """One use of a directory."""

    __slots__ = ("_descriptor", "_directories", "_path")

    def __init__(self, directories: Directories, path: str) -> None:
        self._directories = directories
        self._path = path
        self._descriptor = -1

    def __enter__(self) -> int:
        self._descriptor = self._directories.take(self._path)
        return self._descriptor

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._directories.give(self._descriptor)
