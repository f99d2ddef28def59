"""A container, or a prefix of one, as a bucket: what the service is asked, by whichever client, and what it means."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from wabucketref.errors import IntegrityError, NotFound, PreconditionFailed, TransientError, UsageError
from wabucketref.plugin import (
    BucketUrl,
    Buffer,
    Capabilities,
    ObjectInfo,
    PagedListing,
    Part,
    Sink,
    UnfinishedWrite,
    check_key,
    check_prefix,
)
from wabucketref.plugin.http import Answer, Call
from wabucketref_azure.access import Access
from wabucketref_azure.capabilities import BY_SDK
from wabucketref_azure.failures import NoContainer
from wabucketref_azure.parts import Blocks, free, put_stream
from wabucketref_azure.place import AzureClient, AzurePlace, info_of, matching

SINGLE_PUT_BYTES = 256 << 20
"""Up to here an object is put by one request."""
_COPY_SECONDS = 3600.0
_COPY_STEP = 0.2
_BEHIND = frozenset({416})
_BINARY = {"content-type": "application/octet-stream", "x-ms-blob-type": "BlockBlob"}


class AzureStorage:
    """Implements Storage. Thread-safe; a forked child makes connections of its own."""

    plane = "fsspec"

    def __init__(self, address: BucketUrl, access: Access, client: AzureClient) -> None:
        self._address = address
        self._access = access
        self._client = client
        self._place = AzurePlace(address, access, BY_SDK)

    @property
    def url(self) -> str:
        return str(self._address)

    @property
    def identity(self) -> str:
        """What tells this bucket from one of the same name in another account."""
        return f"{self.url} at {self._access.endpoint}"

    @property
    def capabilities(self) -> Capabilities:
        return BY_SDK

    def head(self, key: str) -> ObjectInfo | None:
        found = self.properties(key)
        return None if found is None else info_of(key, found)

    def properties(self, key: str) -> Answer | None:
        """What the service says of an object, None when there is none."""
        try:
            return self._client.send(self._place.asked("HEAD", key))
        except NoContainer:
            raise
        except NotFound:
            return None

    def read(self, key: str, *, limit: int) -> tuple[bytes, ObjectInfo]:
        return self.content_of(key, limit, self._client.send(self.asked_read(key, limit)))

    def asked_read(self, key: str, limit: int) -> Call:
        """The request of :meth:`read`."""
        return self._place.asked("GET", key, limit=limit)

    def content_of(self, key: str, limit: int, answer: Answer) -> tuple[bytes, ObjectInfo]:
        """What :meth:`read` returns of an answer, or raises."""
        info = info_of(key, answer)
        if info.size > limit:
            raise IntegrityError(f"{self._place.what(key)}: {info.size} bytes, at most {limit} expected")
        return answer.body, info

    def read_range(self, key: str, start: int, length: int) -> bytes:
        found = bytearray()
        self.read_to(key, start, length, found.extend)
        return bytes(found)

    def read_to(self, key: str, start: int, length: int, sink: Sink) -> int:
        if length <= 0:
            return 0
        wanted = {"x-ms-range": f"bytes={start}-{start + length - 1}"}
        call = self._place.asked("GET", key, headers=wanted, also=_BEHIND, limit=length)
        return self._client.pour(call, start, sink)

    def put(self, key: str, data: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> ObjectInfo:
        if len(data) > SINGLE_PUT_BYTES:
            raise UsageError(f"{self._place.what(key)}: {len(data)} bytes in one request", hint="store it as a stream")
        try:
            answer = self._client.send(self.asked_put(key, data, if_absent=if_absent, if_match=if_match))
        except NotFound as error:
            if if_match is None or isinstance(error, NoContainer):
                raise
            raise PreconditionFailed(error.message, hint="look at what is there") from error
        return info_of(key, answer, len(data))

    def asked_put(self, key: str, data: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> Call:
        """The request of :meth:`put`."""
        return self._place.stored(key, data, headers={**_BINARY, **matching(if_match)}, creating=if_absent)

    def put_stream(self, key: str, chunks: Iterator[bytes], size: int, *, if_absent: bool = False) -> ObjectInfo:
        return put_stream(self, key, chunks, size, if_absent=if_absent)

    def start_multipart(self, key: str, part_bytes: int, *, if_absent: bool = False) -> Blocks:
        check_key(key)
        return self._blocks(key, "", if_absent)

    def resume_multipart(
        self, key: str, upload_id: str, part_bytes: int, parts: Sequence[Part], *, if_absent: bool = False
    ) -> Blocks:
        blocks = self._blocks(key, upload_id, if_absent)
        blocks.find(parts)
        return blocks

    def abort_multipart(self, key: str, upload_id: str) -> None:
        self._blocks(key, upload_id, False).abort()

    def _blocks(self, key: str, upload_id: str, if_absent: bool) -> Blocks:
        return Blocks(self._place, self._client, self.properties, key, upload_id, if_absent=if_absent)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return self._listing(prefix)

    def _listing(self, prefix: str, *, uncommitted: bool = False) -> Iterator[ObjectInfo]:
        start = self._address.key(check_prefix(prefix))

        def fetch(marker: str | None) -> tuple[Iterable[ObjectInfo], str | None]:
            call = self._place.page(start, marker, uncommitted=uncommitted)
            return self._place.listed(self._client.send(call))

        return PagedListing(fetch)

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        try:
            self._client.send(self._place.asked("DELETE", key, headers=matching(if_match)))
        except NoContainer:
            raise
        except NotFound:
            return

    def copy(self, source: str, key: str, *, if_absent: bool = False, seen: ObjectInfo | None = None) -> ObjectInfo:
        return self.copied(key, seen, self._client.send(self.asked_copy(source, key, if_absent=if_absent, seen=seen)))

    def asked_copy(self, source: str, key: str, *, if_absent: bool = False, seen: ObjectInfo | None = None) -> Call:
        """The request of :meth:`copy`."""
        headers = {"x-ms-copy-source": self._place.source(source)}
        if seen is not None and seen.etag:
            headers["x-ms-source-if-match"] = f'"{seen.etag}"'
        return self._place.asked("PUT", key, headers=headers, creating=if_absent)

    def copied(self, key: str, seen: ObjectInfo | None, answer: Answer) -> ObjectInfo:
        """What :meth:`copy` returns of an answer, once the copy has ended; or raises. Until then the service heeds the
        condition on the source."""
        sure = seen is not None and seen.etag is not None
        if sure and answer.headers.get("x-ms-copy-status") == "success":
            assert seen is not None
            return replace(info_of(key, answer, seen.size), as_seen=True)
        end, found = time.monotonic() + _COPY_SECONDS, self._found(key)
        while found.headers.get("x-ms-copy-status") == "pending":
            if time.monotonic() > end:
                raise TransientError(f"{self._place.what(key)}: the copy takes over an hour", hint="look again later")
            time.sleep(_COPY_STEP)
            found = self._found(key)
        status = found.headers.get("x-ms-copy-status")
        if status != "success":
            raise TransientError(f"{self._place.what(key)}: the copy ended as {status}", hint="try again")
        return replace(info_of(key, found), as_seen=sure)

    def _found(self, key: str) -> Answer:
        return self._client.send(self._place.asked("HEAD", key))

    def unfinished(self, prefix: str) -> Iterator[UnfinishedWrite]:
        whole = (info.key for info in self._listing(prefix))
        known = next(whole, None)
        for found in self._listing(prefix, uncommitted=True):
            while known is not None and known < found.key:  # both in one order
                known = next(whole, None)
            if found.key != known:
                yield UnfinishedWrite(found.key, "blocks", found.modified)

    def discard(self, write: UnfinishedWrite) -> None:
        free(self._place, self._client, write.key)

    def flush(self) -> None:
        """Every write is durable once answered."""

    def close(self) -> None:
        self._client.close()
