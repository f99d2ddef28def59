"""What a transfer is given besides its plan: a memory that survives crashes, and a way to be stopped."""

import threading
from collections.abc import Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """An upload in parts that is not over, and what the source looked like when it began."""

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    key: str
    upload_id: str
    """The store's name for it."""
    part_bytes: int
    """Its plan, which a later try keeps."""


@dataclass(frozen=True, slots=True)
class StoredPart:
    """One part of an open upload."""

    number: int
    size: int
    etag: str | None
    digest: str
    """Of the file from its beginning to the end of this part: costs no second hashing, and one that fits vouches for
    all parts before it."""


class TransferMemory(Protocol):
    """What earlier tries of the same upload already stored: a hint, checked before it is used. Thread-safe.

    What it was told survives a kill of this process, unless said otherwise.
    """

    def recall(self, path: str) -> StoredFile | None:
        """The file as it was stored, or None."""

    def remember(self, stored: StoredFile) -> None:
        """Note that a file is in the bucket; its open upload, if it has one, is over."""

    def begin(self, upload: OpenUpload) -> bool:
        """Note that an upload in parts was begun; False when that will not survive this process."""

    def landed(self, upload: OpenUpload, part: StoredPart) -> None:
        """Note a part; at most ``MAX_PARTS`` an upload."""

    def unfinished(self) -> Sequence[OpenUpload]:
        """The uploads that were begun, here or by an earlier try, and are not over."""

    def parts_of(self, upload: OpenUpload) -> Mapping[int, StoredPart]:
        """Its parts by number."""

    def end(self, upload: OpenUpload) -> None:
        """Note that an upload is over."""


class NoMemory:
    """Remembers nothing."""

    def recall(self, path: str) -> StoredFile | None:
        return None

    def remember(self, stored: StoredFile) -> None: ...

    def begin(self, upload: OpenUpload) -> bool:
        return False

    def landed(self, upload: OpenUpload, part: StoredPart) -> None: ...

    def unfinished(self) -> Sequence[OpenUpload]:
        return ()

    def parts_of(self, upload: OpenUpload) -> Mapping[int, StoredPart]:
        return {}

    def end(self, upload: OpenUpload) -> None: ...


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
