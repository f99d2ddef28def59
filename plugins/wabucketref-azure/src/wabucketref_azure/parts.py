"""Uploads in parts: blocks that wait beside the object until a list of them is committed.

The service keeps one set of waiting blocks an object, whoever sent them; the names of ours begin with the upload's id.
It drops them with the next commit, or after a week without another block.
"""

import base64
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import quote

from wabucketref.errors import AlreadyExists, NotFound, OutcomeUnknown, WaBucketError
from wabucketref.plugin import Buffer, ObjectInfo, Part, blocks, in_a_row, send_parts
from wabucketref.plugin.http import Answer
from wabucketref_azure.failures import NoContainer
from wabucketref_azure.place import AzureClient, AzurePlace, document, info_of, matching

if TYPE_CHECKING:
    from wabucketref_azure.storage import AzureStorage

PART_BYTES = 8 << 20
MAX_BLOCKS = 50_000
_LIST_BYTES = 16 << 20
_MARK = "x-ms-meta-wabucket_upload"
"""Metadata of an object that was made of parts: the upload that it was."""


class Blocks:
    """Implements Multipart."""

    def __init__(
        self,
        place: AzurePlace,
        client: AzureClient,
        properties: Callable[[str], Answer | None],
        key: str,
        upload_id: str = "",
        *,
        if_absent: bool,
    ) -> None:
        """`properties` tells what is at a key."""
        self.upload_id = upload_id or secrets.token_hex(12)
        self._place = place
        self._client = client
        self._properties = properties
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
        query = f"blockid={quote(self._name(number), safe='')}&comp=block"
        self._client.send(self._place.stored(self._key, data, query))
        part = Part(number, len(data))
        with self._lock:
            self._parts[number] = part
        return part

    def complete(self) -> ObjectInfo:
        parts = in_a_row(self.landed, self._key)
        names = [self._name(part.number) for part in parts]
        try:
            answer = commit(self._place, self._client, self._key, names, self.upload_id, creating=self._if_absent)
            info = info_of(self._key, answer, sum(part.size for part in parts))
        except (OutcomeUnknown, NotFound, AlreadyExists) as error:
            info = self._read_back(error)
        self._over = True
        return info

    def abort(self) -> None:
        """Free the blocks where that shows nothing to anybody; the service drops the others by itself."""
        if self._over:
            return
        if any(self._is_ours(name) for name in self._waiting()):
            free(self._place, self._client, self._key)
        self._over = True

    def _read_back(self, error: WaBucketError) -> ObjectInfo:
        """The answer was lost, or a try before was carried out: is the object the one that we meant?"""
        found = self._properties(self._key)
        if found is not None and found.headers.get(_MARK) == self.upload_id:
            return info_of(self._key, found)
        raise error

    def _waiting(self) -> Mapping[str, int]:
        """Name and size of the blocks that wait."""
        call = self._place.asked("GET", self._key, "blocklisttype=uncommitted&comp=blocklist", limit=_LIST_BYTES)
        try:
            root = document(self._client.send(call))
        except NoContainer:
            raise
        except NotFound:
            return {}
        listed = root.iterfind("UncommittedBlocks/Block")
        return {block.findtext("Name") or "": int(block.findtext("Size") or 0) for block in listed}

    def _name(self, number: int) -> str:
        """All names of an object have one length."""
        return base64.b64encode(f"{self.upload_id}-{number:05d}".encode()).decode()

    def _is_ours(self, name: str) -> bool:
        with suppress(ValueError):
            return base64.b64decode(name).decode("ascii", "replace").startswith(f"{self.upload_id}-")
        return False


def commit(
    place: AzurePlace, client: AzureClient, key: str, names: Sequence[str], mark: str = "", *, creating: bool
) -> Answer:
    """Make an object of the blocks with these names."""
    listed = "".join([f"<Latest>{name}</Latest>" for name in names])
    body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'.encode()
    headers = {"content-type": "application/xml", "x-ms-blob-content-type": "application/octet-stream"}
    if mark:
        headers[_MARK] = mark
    return client.send(place.stored(key, body, "comp=blocklist", headers, creating=creating))


def free(place: AzurePlace, client: AzureClient, key: str) -> None:
    """Have the service drop the blocks that wait for an object that is not there.

    Only a commit makes it do so: an empty object is created, if there is none, and removed again.
    """
    with suppress(AlreadyExists, NotFound):
        made = info_of(key, commit(place, client, key, [], creating=True), 0)
        client.send(place.asked("DELETE", key, headers=matching(made.etag)))


def put_stream(storage: "AzureStorage", key: str, chunks: Iterator[bytes], size: int, *, if_absent: bool) -> ObjectInfo:
    """As ``Storage.put_stream``; holds a handful of parts in memory."""
    what = f"bucket {storage.url}, object {key!r}"
    part = max(PART_BYTES, -(-size // MAX_BLOCKS))
    if size <= part:
        return storage.put(key, b"".join(blocks(chunks, part, size, what)), if_absent=if_absent)
    upload = storage.start_multipart(key, part, if_absent=if_absent)
    return send_parts(upload, blocks(chunks, part, size, what), what)
