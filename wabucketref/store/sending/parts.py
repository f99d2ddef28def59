"""The parts of one file: read and hashed in order, sent together, left out where they landed before."""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial

from wabucketref.contracts.storage import Multipart
from wabucketref.contracts.transfer import StoredPart
from wabucketref.failpoints import hit
from wabucketref.store.engine.pool import Crew
from wabucketref.store.engine.shown import Shown
from wabucketref.store.format.digest import Digest
from wabucketref.store.source.read import OpenFile

_COPIES = 2
"""A part under way is in memory twice: here, and in the buffers of its request."""
_UNDER_WAY = 16
"""Parts of one file at a time: so many may have landed, and not been noted, when the process dies."""


class OtherBytes(Exception):
    """The file is not the one whose parts landed, though it looks the same."""


class Parts:
    """One try to send the parts of a file to `upload`.

    `known`: the parts that earlier tries sent. `note` is told of each that lands; where parts come `in_order`, before
    it is sent, since how much of it landed the store will say.
    """

    def __init__(
        self,
        upload: Multipart,
        known: Mapping[int, StoredPart],
        note: Callable[[StoredPart], None],
        crew: Crew,
        shown: Shown,
        *,
        in_order: bool,
    ) -> None:
        self.moved = 0
        """Bytes sent by this try."""
        self._upload = upload
        self._known = dict(known)
        self._landed = upload.landed
        self._note = note
        self._crew = crew
        self._shown = shown
        self._in_order = in_order
        self._lock = threading.Lock()
        self._failed = False
        """No further part is begun: all that did not land is sent by a later try."""
        self._flying: deque[Future[None]] = deque()

    def send(self, file: OpenFile, part: int, total: int) -> str:
        """Send what is missing and return the digest of the file. On return nothing is under way.

        Raises:
            OtherBytes: what landed before is not of this file.
            NotFound: the upload is over.
        """
        digest = Digest()
        try:
            for number, start in enumerate(range(0, total, part), 1):
                self._one(file, number, start, min(part, total - start), digest)
                self._wait(1 if self._in_order else _UNDER_WAY)
            self._wait(1)
        finally:
            for future in self._flying:
                if not future.cancel():
                    future.exception()
        return digest.value()

    def _one(self, file: OpenFile, number: int, start: int, size: int, digest: Digest) -> None:
        """Read a part, and send it unless it is there."""
        held = self._crew.budget.acquire(_COPIES * size, self._crew.check)
        buffer: bytearray | None = None
        try:
            buffer = self._crew.buffers.take(size)
            data = memoryview(buffer)[:size]
            file.read_into(start, data)
            digest.update(data)
            known, prefix = self._known.get(number), digest.value()
            if known is not None and (known.size, known.digest) != (size, prefix):
                raise OtherBytes
            if known is None or number not in self._landed:
                future = self._crew.piece(partial(self._put, number, data, prefix))
                future.add_done_callback(partial(self._release, held, buffer))
                held, buffer = 0, None
                self._flying.append(future)
            else:
                self._shown.advance(size)
        finally:
            if buffer is not None:
                self._crew.buffers.give(buffer)
            self._crew.budget.release(held)

    def _put(self, number: int, data: memoryview, prefix: str) -> None:
        try:
            self._crew.check()
            if not self._failed:
                self._put_one(number, data, prefix)
        except BaseException:
            self._failed = True
            raise

    def _put_one(self, number: int, data: memoryview, prefix: str) -> None:
        if self._in_order:
            self._note(StoredPart(number, len(data), None, prefix))
        stored = self._upload.put_part(number, data)
        with self._lock:
            self.moved += len(data)
        if not self._in_order:
            self._note(StoredPart(number, stored.size, stored.etag, prefix))
        hit("upload.part")
        self._shown.advance(len(data))

    def _wait(self, most: int) -> None:
        """Until fewer than `most` parts are under way."""
        while self._flying and (self._failed or len(self._flying) >= most or self._flying[0].done()):
            self._flying.popleft().result()

    def _release(self, held: int, buffer: bytearray, _: Future[None]) -> None:
        self._crew.buffers.give(buffer)
        self._crew.budget.release(held)
