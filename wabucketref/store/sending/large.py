"""Sending one large file in parts; each try goes on where the one before stopped, be it of this or another process."""

from wabucketref.contracts.storage import Multipart, ObjectInfo, Part
from wabucketref.contracts.transfer import OpenUpload, StoredPart, TransferMemory
from wabucketref.errors import NotFound, OutcomeUnknown, WrittenWrong
from wabucketref.failpoints import hit
from wabucketref.store.engine.pool import Crew
from wabucketref.store.engine.shown import Shown
from wabucketref.store.sending.guarded import Guarded
from wabucketref.store.sending.parts import OtherBytes, Parts
from wabucketref.store.sending.readback import digest_in_store
from wabucketref.store.sending.unfinished import give_back
from wabucketref.store.source.read import OpenFile, Source
from wabucketref.store.source.tree import Found

_STARTS = 3
"""An upload may be over before it begins here, and bits may flip on the way."""


class LargeFile:
    """One file of a source. `left`: the upload with parts of it that an earlier try left."""

    def __init__(
        self,
        found: Found,
        key: str,
        left: OpenUpload | None,
        source: Source,
        guarded: Guarded,
        crew: Crew,
        memory: TransferMemory,
    ) -> None:
        self.digest = ""
        """Known once it is sent."""
        self.moved = 0
        """Bytes that this process sent into the object."""
        self._found = found
        self._key = key
        self._source = source
        self._guarded = guarded
        self._crew = crew
        self._memory = memory
        self._shown = Shown(crew.progress)
        self._open = left
        self._upload: Multipart | None = None
        self._known = dict(memory.parts_of(left)) if left else {}
        self._lasting = True

    def send(self, if_absent: bool) -> ObjectInfo:
        """One try.

        Raises:
            SourceChanged: the file changed while it was read.
        """
        self._shown.restart()
        with self._source.open(self._found) as file:
            for _ in range(_STARTS - 1):
                try:
                    return self._send(file, if_absent)
                except (NotFound, OtherBytes, WrittenWrong):
                    self.give_back()
                    self._shown.restart()
            return self._send(file, if_absent)

    def stopped(self) -> None:
        """It is not tried again here: without a lasting memory nobody else could, either."""
        if not self._lasting:
            self.give_back()

    def give_back(self) -> None:
        """Forget the upload and what landed in it."""
        if self._open is not None:
            give_back(self._guarded.storage, self._memory, self._open)
        self._open = self._upload = None
        self._known, self.moved = {}, 0

    def _send(self, file: OpenFile, if_absent: bool) -> ObjectInfo:
        upload = self._upload = self._upload or self._resume(if_absent) or self._start(if_absent)
        assert self._open is not None
        in_order = self._guarded.storage.capabilities.parts_in_order
        parts = Parts(upload, self._known, self._note, self._crew, self._shown, in_order=in_order)
        try:
            digest = parts.send(file, self._open.part_bytes, self._found.size)
        finally:
            self.moved += parts.moved
        file.check()
        info = self._complete(upload, digest)
        hit("upload.completed")
        self.digest = digest
        return info

    def _resume(self, if_absent: bool) -> Multipart | None:
        if self._open is None:
            return None
        known = [Part(part.number, part.size, part.etag) for part in self._known.values()]
        upload = self._open
        return self._guarded.resume_multipart(self._key, upload.upload_id, upload.part_bytes, known, if_absent)

    def _start(self, if_absent: bool) -> Multipart:
        found = self._found
        size = self._crew.limits.part_bytes(found.size, self._guarded.storage.capabilities.min_part_bytes)
        upload = self._guarded.start_multipart(self._key, size, if_absent)
        facts = (found.path, found.size, found.mtime_ns, found.ctime_ns, found.inode)
        self._open = OpenUpload(*facts, self._key, upload.upload_id, size)
        self._lasting = self._guarded.storage.capabilities.resumable and self._memory.begin(self._open)
        hit("upload.parts_begun")
        return upload

    def _note(self, part: StoredPart) -> None:
        self._known[part.number] = part
        if self._lasting and self._open is not None:
            self._memory.landed(self._open, part)

    def _complete(self, upload: Multipart, digest: str) -> ObjectInfo:
        try:
            return self._guarded.complete(upload)
        except (OutcomeUnknown, NotFound):
            info = self._guarded.storage.head(self._key)
            if info is None or info.size != self._found.size:
                raise
            if digest_in_store(self._guarded.storage, info, self._crew) != digest:
                raise
            return info
