"""Fetching one file into the staging directory, verified by its digest while it is written."""

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

from wabucketref.contracts.storage import Storage
from wabucketref.errors import IntegrityError, NotFound
from wabucketref.failpoints import hit
from wabucketref.model.manifest import Entry
from wabucketref.store.digest import Digest, digest_of
from wabucketref.store.localio import local
from wabucketref.store.pool import Crew
from wabucketref.store.receiving.safetree import SafeTree
from wabucketref.store.shown import Shown

_TRIES = 3


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
        self._origin = origin
        self._tree = tree
        self._crew = crew

    def fetch(self, entry: Entry) -> None:
        """Store the file under its path in the tree; what is there of it already is continued. Not yet durable.

        Raises:
            IntegrityError: the bucket does not hold what the manifest says.
            ReplacedWhileReading: because the artifact was replaced meanwhile.
        """
        shown = Shown(self._crew.progress)
        descriptor = self._tree.create(entry.path)
        try:
            if entry.size <= self._crew.limits.multipart_threshold:
                self._whole(entry, descriptor)
                shown.advance(entry.size)
            else:
                self._ranges(entry, descriptor, shown)
            hit("download.file_verified")
        finally:
            with local(f"write {entry.path!r}"):
                os.close(descriptor)

    def _whole(self, entry: Entry, descriptor: int) -> None:
        held = self._crew.budget.acquire(entry.size, self._crew.check)
        try:
            for number in range(1, _TRIES + 1):
                data, problem = self._read(entry)
                if problem is None:
                    break
                if number == _TRIES:
                    self._blame(entry, problem)
            with local(f"write {entry.path!r}"):
                if os.fstat(descriptor).st_size:
                    os.ftruncate(descriptor, 0)  # what an earlier try left
                _write(descriptor, data, 0)
        finally:
            self._crew.budget.release(held)

    def _read(self, entry: Entry) -> tuple[bytes, str | None]:
        self._crew.check()
        try:
            data, _ = self._origin.storage.read(self._origin.key_of(entry.path), limit=entry.size)
        except NotFound:
            return b"", "it is missing"
        except IntegrityError:
            return b"", f"it has more than {entry.size} bytes"
        return data, _problem(entry, len(data), digest_of(data) if entry.digest else "")

    def _ranges(self, entry: Entry, descriptor: int, shown: Shown) -> None:
        for number in range(1, _TRIES + 1):
            shown.restart()
            digest = Digest()
            try:
                start = self._prefix(entry, descriptor, digest, shown)
                size = _Flight(self._origin, entry, descriptor, self._crew, shown).run(start, digest)
            except NotFound:
                self._blame(entry, "it is missing")
            problem = _problem(entry, size, digest.value() if entry.digest else "")
            if problem is None:
                return
            with local(f"write {entry.path!r}"):
                os.ftruncate(descriptor, 0)
            if number == _TRIES:
                self._blame(entry, problem)

    def _prefix(self, entry: Entry, descriptor: int, digest: Digest, shown: Shown) -> int:
        """Hash what an earlier try wrote, which is a prefix: ranges are written in order."""
        size, step = os.fstat(descriptor).st_size, self._crew.limits.part_size
        if size > entry.size or not entry.digest:
            os.ftruncate(descriptor, 0)
            return 0
        for start in range(0, size, step):
            self._crew.check()
            piece = os.pread(descriptor, min(step, size - start), start)
            digest.update(piece)
            shown.advance(len(piece))
        return size

    def _blame(self, entry: Entry, problem: str) -> NoReturn:
        self._origin.check_unchanged()
        raise IntegrityError(
            f"{entry.path!r} in the bucket is not what its manifest says: {problem}",
            hint="it was damaged or changed in the bucket; `wabucket verify` lists all damage",
        )


class _Flight:
    """The ranges of one large file, read in parallel as the budget allows, hashed and written in order."""

    def __init__(self, origin: Origin, entry: Entry, descriptor: int, crew: Crew, shown: Shown) -> None:
        self._origin = origin
        self._entry = entry
        self._descriptor = descriptor
        self._crew = crew
        self._shown = shown
        self._flying: deque[tuple[Future[bytes], int]] = deque()

    def run(self, start: int, digest: Digest) -> int:
        """Fetch from `start` on; returns the length that the file has then."""
        try:
            return self._run(start, digest)
        finally:
            for future, held in self._flying:
                if not future.cancel():
                    future.exception()
                self._crew.budget.release(held)

    def _run(self, start: int, digest: Digest) -> int:
        ahead = written = start
        while written < self._entry.size:
            while ahead < self._entry.size and self._take_off(ahead):
                ahead += self._crew.limits.part_size
            expected = min(self._crew.limits.part_size, self._entry.size - written)
            length = self._land(written, digest)
            written += length
            if length != expected:
                break
        return written

    def _land(self, start: int, digest: Digest) -> int:
        """Write the range that is next in order."""
        future, held = self._flying[0]
        data = future.result()
        digest.update(data)
        with local(f"write {self._entry.path!r}"):
            _write(self._descriptor, data, start)
        self._flying.popleft()
        self._crew.budget.release(held)
        self._shown.advance(len(data))
        hit("download.range")
        return len(data)

    def _take_off(self, start: int) -> bool:
        """Begin to read a range; wait for memory only while nothing flies, or two files could wait for each other."""
        size = min(self._crew.limits.part_size, self._entry.size - start)
        if not self._flying:
            held: int | None = self._crew.budget.acquire(size, self._crew.check)
        elif len(self._flying) < self._crew.limits.concurrency:
            held = self._crew.budget.try_acquire(size)
        else:
            held = None
        if held is None:
            return False
        self._flying.append((self._crew.piece(partial(self._range, start, size)), held))
        return True

    def _range(self, start: int, size: int) -> bytes:
        self._crew.check()
        return self._origin.storage.read_range(self._origin.key_of(self._entry.path), start, size)


def _problem(entry: Entry, size: int, digest: str) -> str | None:
    if size != entry.size:
        return f"it has {size} bytes, recorded are {entry.size}"
    if entry.digest and digest != entry.digest:
        return f"its digest is {digest}, recorded is {entry.digest}"
    return None


def _write(descriptor: int, data: bytes, start: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, start)
        view, start = view[written:], start + written
