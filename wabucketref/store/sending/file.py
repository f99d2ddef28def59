"""Sending one file: read once, hashed on the way, whole or in parts."""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

from wabucketref.contracts.storage import Multipart, ObjectInfo
from wabucketref.errors import OutcomeUnknown, TransientError
from wabucketref.failpoints import hit
from wabucketref.store.digest import Digest, digest_of
from wabucketref.store.pool import Crew
from wabucketref.store.sending.guarded import Guarded
from wabucketref.store.shown import Shown
from wabucketref.store.source.read import OpenFile, Source
from wabucketref.store.source.tree import Found

_log = logging.getLogger(__name__)
_COPIES = 2
"""A part under way is in memory twice: here, and in the buffers of its request."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A file that is wholly in the bucket."""

    digest: str
    info: ObjectInfo


class FileSender:
    """Sends files of one source."""

    def __init__(self, source: Source, guarded: Guarded, crew: Crew) -> None:
        self._source = source
        self._guarded = guarded
        self._crew = crew

    def send(self, found: Found, key: str, seen: ObjectInfo | None) -> Sent:
        """Store the file under `key` in the place of `seen`.

        Raises:
            SourceChanged: it changed while it was read; nothing that could be taken for it remains committed.
        """
        if found.size <= self._crew.limits.multipart_threshold:
            return self._send_whole(found, key, seen)
        return self._send_large(found, key, seen)

    def _send_whole(self, found: Found, key: str, seen: ObjectInfo | None) -> Sent:
        held = self._crew.budget.acquire(found.size, self._crew.check)
        try:
            with self._source.open(found) as file:
                data = file.read(0, found.size)
            info = self._guarded.put(key, data, seen)
            self._crew.progress.advance(bytes=found.size)
            return Sent(digest_of(data), info)
        finally:
            self._crew.budget.release(held)

    def _send_large(self, found: Found, key: str, seen: ObjectInfo | None) -> Sent:
        shown = Shown(self._crew.progress)
        digests: list[str] = []

        def send(if_absent: bool) -> ObjectInfo:
            shown.restart()
            with self._source.open(found) as file:
                digest, info = self._send_content(found, file, key, if_absent, shown)
            digests.append(digest)
            return info

        info = self._guarded.put_large(key, seen, send, streamed=not self._guarded.storage.capabilities.multipart)
        return Sent(digests[-1], info)

    def _send_content(
        self, found: Found, file: OpenFile, key: str, if_absent: bool, shown: Shown
    ) -> tuple[str, ObjectInfo]:
        able = self._guarded.storage.capabilities
        size = self._crew.limits.part_bytes(found.size, able.min_part_bytes)
        if not able.multipart:
            hashing = _Hashing(file, size, self._crew, shown)
            info = self._guarded.stream(key, hashing.chunks(), found.size, if_absent)
            return hashing.digest.value(), info
        parts = _Parts(self._guarded.start_multipart(key), self._crew, shown)
        try:
            digest = parts.send(file, size, found.size)
            file.check()
            return digest, self._complete(parts.upload, found, key, if_absent, digest)
        except BaseException:
            parts.abort()
            raise

    def _complete(self, upload: Multipart, found: Found, key: str, if_absent: bool, digest: str) -> ObjectInfo:
        try:
            return upload.complete(if_absent=if_absent)
        except OutcomeUnknown:
            info = self._guarded.storage.head(key)
            if info is None or info.size != found.size or digest_of(self._read_back(info)) != digest:
                raise
            return info

    def _read_back(self, info: ObjectInfo) -> Iterator[bytes]:
        step = self._crew.limits.part_size
        for start in range(0, info.size, step):
            self._crew.check()
            yield self._guarded.storage.read_range(info.key, start, step)


class _Hashing:
    """The chunks of a file, hashed as they pass, within the budget."""

    def __init__(self, file: OpenFile, size: int, crew: Crew, shown: Shown) -> None:
        self.digest = Digest()
        self._file = file
        self._size = size
        self._crew = crew
        self._shown = shown

    def chunks(self) -> Iterator[bytes]:
        held = self._crew.budget.acquire(self._size, self._crew.check)
        try:
            for chunk in self._file.pieces(self._size):
                self._crew.check()
                self.digest.update(chunk)
                yield chunk
                hit("upload.part")
                self._shown.advance(len(chunk))
            # Before the last chunk is known to be the last: an error here leaves no object.
            self._file.check()
        finally:
            self._crew.budget.release(held)


class _Parts:
    """The parts of one multipart upload, in flight together as the budget allows."""

    def __init__(self, upload: Multipart, crew: Crew, shown: Shown) -> None:
        self.upload = upload
        self._crew = crew
        self._shown = shown
        self._flying: deque[Future[None]] = deque()

    def send(self, file: OpenFile, part: int, total: int) -> str:
        """Send all and return the digest of the file."""
        digest = Digest()
        for number, start in enumerate(range(0, total, part), 1):
            size = min(part, total - start)
            held = self._crew.budget.acquire(_COPIES * size, self._crew.check)
            try:
                data = file.read(start, size)
            except BaseException:
                self._crew.budget.release(held)
                raise
            future = self._crew.piece(self._put(number, data))
            future.add_done_callback(partial(self._landed, held))
            self._flying.append(future)
            digest.update(data)
            while self._flying and self._flying[0].done():
                self._flying.popleft().result()
        while self._flying:
            self._flying.popleft().result()
        return digest.value()

    def _put(self, number: int, data: bytes) -> Callable[[], None]:
        def work() -> None:
            self._crew.check()
            self.upload.put_part(number, data)
            hit("upload.part")
            self._shown.advance(len(data))

        return work

    def _landed(self, held: int, _: Future[None]) -> None:
        self._crew.budget.release(held)

    def abort(self) -> None:
        """Wait for what flies and give the parts back."""
        for future in self._flying:
            if not future.cancel():
                future.exception()
        try:
            self.upload.abort()
        except TransientError as failure:
            _log.warning("parts of an upload that failed are left in the bucket: %s", failure)
