"""Fetching one file into the staging directory, verified by its digest while it is written."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NoReturn, cast

from wabucketref.contracts.many import Many, Read
from wabucketref.contracts.storage import Storage
from wabucketref.errors import IntegrityError, NotFound, WaBucketError
from wabucketref.failpoints import hit
from wabucketref.model.manifest import Entry
from wabucketref.store.disk.intofile import HashedIntoFile
from wabucketref.store.disk.localio import begin_writing, local, write_at
from wabucketref.store.engine.limits import HELD_BYTES
from wabucketref.store.engine.pool import Crew
from wabucketref.store.engine.shown import Shown
from wabucketref.store.format.digest import Digest, digest_of
from wabucketref.store.receiving.ranges import Ranges
from wabucketref.store.receiving.safetree import SafeTree

_TRIES = 3
_SMALL = 256 << 10
"""Up to so many bytes a file is read as a whole."""
_MIDDLING = 1 << 20
"""From so many bytes on the disk is asked to begin with a file by itself; smaller ones it takes better together."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the files of an artifact lie."""

    storage: Storage
    key_of: Callable[[str], str]
    """The key of a path."""
    check_unchanged: Callable[[], None]
    """Raises ReplacedWhileReading when the upload is not the one any more."""


class Fetcher:
    """Fetches files of one artifact into `tree`. Thread-safe."""

    def __init__(self, origin: Origin, tree: SafeTree, crew: Crew) -> None:
        self.origin = origin
        self.crew = crew
        self.failed: dict[str, WaBucketError | str] = {}
        """By path, what became of a first try to read a file with many others: an error, or what is wrong with it."""
        self._tree = tree

    def fetch(self, entry: Entry) -> None:
        """Store the file under its path in the tree; what is there of it already is continued. Not yet durable.

        Raises:
            IntegrityError: the bucket does not hold what the manifest says.
            ReplacedWhileReading: because the artifact was replaced meanwhile.
        """
        shown = Shown(self.crew.progress)
        descriptor = self._tree.create(entry.path)
        try:
            if entry.size <= min(_SMALL, self.crew.limits.multipart_threshold):
                self._small(entry, descriptor)
                shown.advance(entry.size)
            else:
                large = entry.size > self.crew.limits.multipart_threshold
                fetch = self._ranges if large else self._stream
                self._again(entry, descriptor, shown, partial(fetch, entry, descriptor, shown))
            hit("download.file_verified")
        finally:
            with local(f"write {entry.path!r}"):
                os.close(descriptor)

    def store(self, entry: Entry, data: bytes) -> None:
        """Write a file of which nothing is there, and whose content was compared."""
        descriptor = self._tree.create(entry.path)
        with local(f"write {entry.path!r}"):
            try:
                write_at(descriptor, data, 0)
            finally:
                os.close(descriptor)
        self.crew.progress.advance(bytes=entry.size)
        hit("download.file_verified")

    def _small(self, entry: Entry, descriptor: int) -> None:
        held = self.crew.budget.acquire(entry.size, self.crew.check)
        try:
            for number in range(1, _TRIES + 1):
                data, problem = self._read(entry)
                if problem is None:
                    break
                if number == _TRIES:
                    self._blame(entry, problem)
            with local(f"write {entry.path!r}"):
                _clear(descriptor)
                write_at(descriptor, data, 0)
        finally:
            self.crew.budget.release(held)

    def _read(self, entry: Entry) -> tuple[bytes, str | None]:
        self.crew.check()
        storage, read, failed = self.origin.storage, Read(self.origin.key_of(entry.path), entry.size), None
        if self.failed:
            failed = self.failed.pop(entry.path, None)
        if isinstance(failed, str):
            return b"", failed
        try:
            data, _ = (
                cast(Many, storage).read_again(read, failed) if failed else storage.read(read.key, limit=read.limit)
            )
        except NotFound:
            return b"", "it is missing"
        except IntegrityError:
            return b"", f"it has more than {entry.size} bytes"
        return data, problem_of(entry, len(data), digest_of(data) if entry.digest else "")

    def _again(self, entry: Entry, descriptor: int, shown: Shown, once: Callable[[Digest], int]) -> None:
        """Have the file written by `once`, which also feeds the digest and returns how long the file is."""
        for number in range(1, _TRIES + 1):
            shown.restart()
            digest = Digest()
            try:
                size = once(digest)
            except NotFound:
                self._blame(entry, "it is missing")
            problem = problem_of(entry, size, digest.value() if entry.digest else "")
            if problem is None:
                return
            with local(f"write {entry.path!r}"):
                _clear(descriptor)
            if number == _TRIES:
                self._blame(entry, problem)

    def _stream(self, entry: Entry, descriptor: int, shown: Shown, digest: Digest) -> int:
        """The file by one request, each piece hashed and written as it comes; a byte too much would be noticed."""
        what = f"write {entry.path!r}"

        def moved(count: int) -> None:
            shown.advance(count)
            self.crew.check()

        take = HashedIntoFile(descriptor, moved, what, digest, self.crew.buffers)
        held = self.crew.budget.acquire(min(HELD_BYTES, entry.size), self.crew.check)
        try:
            with local(what):
                _clear(descriptor)
            size = self.origin.storage.read_to(self.origin.key_of(entry.path), 0, entry.size + 1, take)
            if size >= _MIDDLING:
                begin_writing(descriptor, 0, size)
            return size
        finally:
            self.crew.budget.release(held)

    def _ranges(self, entry: Entry, descriptor: int, shown: Shown, digest: Digest) -> int:
        key = self.origin.key_of(entry.path)
        return Ranges(self.origin.storage, key, entry, descriptor, self.crew, shown, digest).run()

    def _blame(self, entry: Entry, problem: str) -> NoReturn:
        self.origin.check_unchanged()
        raise IntegrityError(
            f"{entry.path!r} in the bucket is not what its manifest says: {problem}",
            hint="it was damaged or changed in the bucket; `wabucket verify` lists all damage",
        )


def _clear(descriptor: int) -> None:
    """Forget what an earlier try left. To cut off nothing is not free."""
    if os.fstat(descriptor).st_size:
        os.ftruncate(descriptor, 0)


def problem_of(entry: Entry, size: int, digest: str) -> str | None:
    """What is wrong with so many bytes of this digest, if they shall be the file."""
    if size != entry.size:
        return f"it has {size} bytes, recorded are {entry.size}"
    if entry.digest and digest != entry.digest:
        return f"its digest is {digest}, recorded is {entry.digest}"
    return None
