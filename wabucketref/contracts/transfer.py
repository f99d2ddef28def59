"""What a transfer is given besides its plan: a memory that survives crashes, and a way to be stopped."""

import threading
from dataclasses import dataclass
from typing import Protocol

from wabucketref.errors import Interrupted


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file that is wholly in the bucket, with what the source looked like when it was read."""

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    digest: str
    etag: str | None = None
    version: str | None = None


class TransferMemory(Protocol):
    """What earlier tries of the same upload already stored. Thread-safe."""

    def recall(self, path: str) -> StoredFile | None:
        """The file as it was stored, or None."""

    def remember(self, stored: StoredFile) -> None:
        """Note that a file is in the bucket; survives a kill of this process."""


class NoMemory:
    """Remembers nothing."""

    def recall(self, path: str) -> StoredFile | None:
        return None

    def remember(self, stored: StoredFile) -> None: ...


class Cancel:
    """A stop sign that transfers look at between pieces. Thread-safe."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._reason: Interrupted | None = None

    def set(self, reason: Interrupted) -> None:
        """Ask to stop; the first reason counts."""
        if self._reason is None:
            self._reason = reason
        self._event.set()

    def is_set(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Raise the reason (an ``Interrupted``) once a stop was asked for."""
        if self._reason is not None:
            raise self._reason

    def wait(self, seconds: float) -> None:
        """Sleep, but wake and raise when asked to stop."""
        self._event.wait(seconds)
        self.check()
