"""Sending one file: read once, hashed on the way, whole, in parts or as a stream."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from wabucketref.contracts.storage import Buffer, ObjectInfo
from wabucketref.contracts.transfer import OpenUpload, TransferMemory
from wabucketref.errors import WaBucketError
from wabucketref.failpoints import hit
from wabucketref.store.engine.pool import Crew
from wabucketref.store.engine.shown import Shown
from wabucketref.store.format.digest import Digest, digest_of
from wabucketref.store.sending.guarded import Guarded
from wabucketref.store.sending.large import LargeFile
from wabucketref.store.source.read import OpenFile, Source
from wabucketref.store.source.tree import Found

_SMALL = 256 << 10
"""Above so many bytes the memory for a file's content is used again."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A file that is wholly in the bucket."""

    digest: str
    info: ObjectInfo
    moved: int
    """Bytes that were sent for it now; the others an earlier try had sent."""


class Sends(Protocol):
    """What stores the files of a source: :class:`FileSender`, or an executor's workers."""

    def send(self, found: Found, key: str, seen: ObjectInfo | None, left: OpenUpload | None) -> Sent:
        """See :meth:`FileSender.send`."""


class FileSender:
    """Sends files of one source."""

    def __init__(self, source: Source, guarded: Guarded, crew: Crew, memory: TransferMemory) -> None:
        self._source = source
        self._guarded = guarded
        self._crew = crew
        self._memory = memory
        self.failed: dict[str, WaBucketError] = {}
        """By path, what became of a first try to send a file with many others."""

    def send(self, found: Found, key: str, seen: ObjectInfo | None, left: OpenUpload | None) -> Sent:
        """Store the file under `key` in the place of `seen`, going on with the upload that an earlier try `left`.

        Raises:
            SourceChanged: it changed while it was read; nothing that could be taken for it remains committed.
        """
        if left is None and found.size <= self._crew.limits.multipart_threshold:
            return self._send_whole(found, key, seen)
        if self._guarded.storage.capabilities.multipart:
            return self._send_parts(found, key, seen, left)
        return self._send_stream(found, key, seen)

    def _send_whole(self, found: Found, key: str, seen: ObjectInfo | None) -> Sent:
        held = self._crew.budget.acquire(found.size, self._crew.check)
        try:
            if found.size <= _SMALL:
                with self._source.open(found) as file:
                    data = file.read(0, found.size)
                return self._put(found, key, seen, data)
            with self._crew.buffers.of(found.size) as view:
                with self._source.open(found) as file:
                    file.read_into(0, view)
                return self._put(found, key, seen, view)
        finally:
            self._crew.budget.release(held)

    def _put(self, found: Found, key: str, seen: ObjectInfo | None, data: Buffer) -> Sent:
        digest = digest_of(data)
        info = self._guarded.put(key, data, seen, self.failed.pop(found.path, None))
        self._crew.progress.advance(bytes=found.size)
        return Sent(digest, info, found.size)

    def _send_parts(self, found: Found, key: str, seen: ObjectInfo | None, left: OpenUpload | None) -> Sent:
        file = LargeFile(found, key, left, self._source, self._guarded, self._crew, self._memory)
        try:
            info = self._guarded.put_large(key, seen, file.send, streamed=False)
        except BaseException:
            file.stopped()
            raise
        return Sent(file.digest, info, file.moved)

    def _send_stream(self, found: Found, key: str, seen: ObjectInfo | None) -> Sent:
        shown, size = Shown(self._crew.progress), self._crew.limits.part_bytes(found.size, 1)
        digests: list[str] = []

        def send(if_absent: bool) -> ObjectInfo:
            shown.restart()
            with self._source.open(found) as file:
                hashing = _Hashing(file, size, self._crew, shown)
                info = self._guarded.stream(key, hashing.chunks(), found.size, if_absent)
            digests.append(hashing.digest.value())
            return info

        info = self._guarded.put_large(key, seen, send, streamed=True)
        return Sent(digests[-1], info, found.size)


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
