"""Uploads in parts: blocks that wait beside the object until a list of them is committed.

The service keeps one set of waiting blocks an object, whoever sent them; the names of ours begin with the upload's id.
It drops them with the next commit, or after a week without another block.
"""

import base64
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from azure.core import MatchConditions
from azure.storage.blob import BlobBlock

from wabucketref.errors import AlreadyExists, NotFound, OutcomeUnknown, WaBucketError
from wabucketref.plugin import Buffer, ObjectInfo, Part, blocks, in_a_row, send_parts
from wabucketref_azure.failures import NoContainer

if TYPE_CHECKING:
    from wabucketref_azure.storage import AzureStorage

PART_BYTES = 8 << 20
MAX_BLOCKS = 50_000
_MARK = "wabucket_upload"
"""Metadata of an object that was made of parts: the upload that it was."""


class Blocks:
    """Implements Multipart."""

    def __init__(self, storage: "AzureStorage", key: str, upload_id: str = "", *, if_absent: bool) -> None:
        self.upload_id = upload_id or secrets.token_hex(12)
        self._storage = storage
        self._key = key
        self._if_absent = if_absent
        self._lock = threading.Lock()
        self._parts: dict[int, Part] = {}
        self._over = False

    @property
    def landed(self) -> Mapping[int, Part]:
        with self._lock:
            return dict(self._parts)

    def find(self, parts: Sequence[Part]) -> None:
        """Take `parts` for stored, once the service says so.

        Raises:
            NotFound: it does not: the upload is over.
        """
        waiting = self._waiting()
        for part in parts:
            if waiting.get(self._name(part.number)) != part.size:
                raise NotFound(f"part {part.number} of {self._key!r} is gone: the upload is over", hint="start it over")
        self._parts = {part.number: part for part in parts}

    def put_part(self, number: int, data: Buffer) -> Part:
        if self._over:
            raise NotFound(f"part {number} of {self._key!r} came after the upload was over", hint="start it over")
        with self._storage.failures.mapped(self._key, writing=True):
            self._blob.stage_block(self._name(number), bytes(data), length=len(data))
        part = Part(number, len(data))
        with self._lock:
            self._parts[number] = part
        return part

    def complete(self) -> ObjectInfo:
        from wabucketref_azure.storage import answered

        parts = in_a_row(self.landed, self._key)
        names = [BlobBlock(self._name(part.number)) for part in parts]
        condition: dict[str, Any] = {"match_condition": MatchConditions.IfMissing} if self._if_absent else {}
        try:
            with self._storage.failures.mapped(self._key, writing=True, creating=self._if_absent):
                answer = self._blob.commit_block_list(names, metadata={_MARK: self.upload_id}, **condition)
            info = answered(self._key, sum(part.size for part in parts), answer)
        except (OutcomeUnknown, NotFound, AlreadyExists) as error:
            info = self._read_back(error)
        self._over = True
        return info

    def abort(self) -> None:
        """Free the blocks where that shows nothing to anybody; the service drops the others by itself."""
        if self._over:
            return
        if any(self._is_ours(name) for name in self._waiting()):
            free(self._storage, self._key)
        self._over = True

    def _read_back(self, error: WaBucketError) -> ObjectInfo:
        """The answer was lost, or a try before was carried out: is the object the one that we meant?"""
        from wabucketref_azure.storage import info_of

        with self._storage.failures.mapped(self._key):
            found = self._blob.get_blob_properties() if self._storage.head(self._key) else None
        if found is not None and found.metadata.get(_MARK) == self.upload_id:
            return info_of(self._key, found)
        raise error

    def _waiting(self) -> Mapping[str, int]:
        """Name and size of the blocks that wait."""
        try:
            with self._storage.failures.mapped(self._key):
                _, waiting = self._blob.get_block_list("uncommitted")
        except NoContainer:
            raise
        except NotFound:
            return {}
        return {block.id: block.size for block in waiting}

    def _name(self, number: int) -> str:
        """All names of an object have one length."""
        return base64.b64encode(f"{self.upload_id}-{number:05d}".encode()).decode()

    def _is_ours(self, name: str) -> bool:
        with suppress(ValueError):
            return base64.b64decode(name).decode("ascii", "replace").startswith(f"{self.upload_id}-")
        return False

    @property
    def _blob(self) -> Any:
        return self._storage.blob(self._key)


def free(storage: "AzureStorage", key: str) -> None:
    """Have the service drop the blocks that wait for an object that is not there.

    Only a commit makes it do so: an empty object is created, if there is none, and removed again.
    """
    from wabucketref_azure.storage import matching

    blob = storage.blob(key)
    with suppress(AlreadyExists, NotFound), storage.failures.mapped(key, writing=True, creating=True):
        made = blob.commit_block_list([], match_condition=MatchConditions.IfMissing)
        blob.delete_blob(**matching(made["etag"].strip('"')))


def put_stream(storage: "AzureStorage", key: str, chunks: Iterator[bytes], size: int, *, if_absent: bool) -> ObjectInfo:
    """As ``Storage.put_stream``; holds a handful of parts in memory."""
    what = f"bucket {storage.url}, object {key!r}"
    part = max(PART_BYTES, -(-size // MAX_BLOCKS))
    if size <= part:
        return storage.put(key, b"".join(blocks(chunks, part, size, what)), if_absent=if_absent)
    upload = storage.start_multipart(key, part, if_absent=if_absent)
    return send_parts(upload, blocks(chunks, part, size, what), what)
