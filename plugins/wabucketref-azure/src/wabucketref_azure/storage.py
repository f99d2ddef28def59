"""A container, or a prefix of one, as a bucket."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from azure.core import MatchConditions
from azure.storage.blob import BlobClient, ContainerClient

from wabucketref.errors import (
    IntegrityError,
    NotFound,
    PreconditionFailed,
    TransientError,
    UsageError,
)
from wabucketref.plugin import (
    BucketUrl,
    Buffer,
    Capabilities,
    ObjectInfo,
    Part,
    PerProcess,
    Sink,
    UnfinishedWrite,
    check_characters,
    check_key,
    check_prefix,
)
from wabucketref_azure.access import Access
from wabucketref_azure.client import SINGLE_PUT_BYTES, container
from wabucketref_azure.failures import Failures, NoContainer
from wabucketref_azure.parts import Blocks, free, put_stream
from wabucketref_azure.plugin import CAPABILITIES

_COPY_SECONDS = 3600.0
_COPY_STEP = 0.2


class AzureStorage:
    """Implements Storage. Thread-safe; a forked child makes connections of its own."""

    def __init__(self, address: BucketUrl, access: Access, stall: float) -> None:
        self._address = address
        self._access = access
        self._client: PerProcess[ContainerClient] = PerProcess(lambda: container(access, address.bucket, stall))
        self.failures = Failures(str(address), access.endpoint, access.secrets())

    @property
    def url(self) -> str:
        return str(self._address)

    @property
    def identity(self) -> str:
        """What tells this bucket from one of the same name in another account."""
        return f"{self.url} at {self._access.endpoint}"

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    def head(self, key: str) -> ObjectInfo | None:
        try:
            with self.failures.mapped(key):
                return info_of(key, self.blob(key).get_blob_properties())
        except NoContainer:
            raise
        except NotFound:
            return None

    def read(self, key: str, *, limit: int) -> tuple[bytes, ObjectInfo]:
        with self.failures.mapped(key):
            found = self.blob(key).download_blob()
            info = info_of(key, found.properties)
            if info.size > limit:
                raise IntegrityError(f"{self._what(key)}: {info.size} bytes, at most {limit} expected")
            return found.readall(), info

    def read_range(self, key: str, start: int, length: int) -> bytes:
        found = bytearray()
        self.read_to(key, start, length, found.extend)
        return bytes(found)

    def read_to(self, key: str, start: int, length: int, sink: Sink) -> int:
        with self.failures.mapped(key):
            if length <= 0:
                self.blob(key).get_blob_properties()
                return 0
            count = 0
            try:
                pieces = self.blob(key).download_blob(offset=start, length=length).chunks()
            except Exception as error:
                if getattr(error, "status_code", None) == 416:  # it begins behind the end
                    return 0
                raise
            for piece in pieces:
                sink(memoryview(piece))
                count += len(piece)
            return count

    def put(self, key: str, data: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> ObjectInfo:
        if len(data) > SINGLE_PUT_BYTES:
            raise UsageError(f"{self._what(key)}: {len(data)} bytes in one request", hint="store it as a stream")
        try:
            with self.failures.mapped(key, writing=True, creating=if_absent):
                answer = self.blob(key).upload_blob(bytes(data), overwrite=not if_absent, **matching(if_match))
        except NotFound as error:
            if if_match is None or isinstance(error, NoContainer):
                raise
            raise PreconditionFailed(error.message, hint="look at what is there") from error
        return answered(key, len(data), answer)

    def put_stream(self, key: str, chunks: Iterator[bytes], size: int, *, if_absent: bool = False) -> ObjectInfo:
        return put_stream(self, key, chunks, size, if_absent=if_absent)

    def start_multipart(self, key: str, part_bytes: int, *, if_absent: bool = False) -> Blocks:
        check_key(key)
        return Blocks(self, key, if_absent=if_absent)

    def resume_multipart(
        self, key: str, upload_id: str, part_bytes: int, parts: Sequence[Part], *, if_absent: bool = False
    ) -> Blocks:
        blocks = Blocks(self, key, upload_id, if_absent=if_absent)
        blocks.find(parts)
        return blocks

    def abort_multipart(self, key: str, upload_id: str) -> None:
        Blocks(self, key, upload_id, if_absent=False).abort()

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        start = self._address.key(check_prefix(prefix)) or None
        with self.failures.mapped():
            for found in self._client.get().list_blobs(name_starts_with=start):
                yield info_of(self._address.relative(found.name), found)

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        try:
            with self.failures.mapped(key, writing=True):
                self.blob(key).delete_blob(**matching(if_match))
        except NoContainer:
            raise
        except NotFound:
            return

    def copy(self, source: str, key: str, *, if_absent: bool = False, seen: ObjectInfo | None = None) -> ObjectInfo:
        conditions: dict[str, Any] = {"match_condition": MatchConditions.IfMissing} if if_absent else {}
        if seen is not None and seen.etag:
            conditions |= {"source_etag": f'"{seen.etag}"', "source_match_condition": MatchConditions.IfNotModified}
        target = self.blob(key)
        with self.failures.mapped(key, writing=True, creating=if_absent):
            answer = target.start_copy_from_url(self.blob(source).url, **conditions)
            end = time.monotonic() + _COPY_SECONDS
            while answer["copy_status"] == "pending":
                if time.monotonic() > end:
                    raise TransientError(f"{self._what(key)}: the copy takes over an hour", hint="look again later")
                time.sleep(_COPY_STEP)
                answer = {"copy_status": target.get_blob_properties().copy.status}
            if answer["copy_status"] != "success":
                raise TransientError(f"{self._what(key)}: the copy ended as {answer['copy_status']}", hint="try again")
            return info_of(key, target.get_blob_properties())

    def unfinished(self, prefix: str) -> Iterator[UnfinishedWrite]:
        start = self._address.key(check_prefix(prefix)) or None
        with self.failures.mapped():
            whole = (found.name for found in self._client.get().list_blobs(name_starts_with=start))
            known = next(whole, None)
            for found in self._client.get().list_blobs(name_starts_with=start, include=["uncommittedblobs"]):
                while known is not None and known < found.name:  # both in one order
                    known = next(whole, None)
                if found.name != known:
                    begun = found.last_modified.timestamp() if found.last_modified else None
                    yield UnfinishedWrite(self._address.relative(found.name), "blocks", begun)

    def discard(self, write: UnfinishedWrite) -> None:
        free(self, write.key)

    def flush(self) -> None:
        """Every write is durable once answered."""

    def close(self) -> None:
        self._client.drop()

    def blob(self, key: str) -> BlobClient:
        """The SDK's client of one object.

        Raises:
            UsageError: the service would store it under another name.
        """
        check_characters(key, CAPABILITIES)
        if any(part.endswith(".") for part in key.split("/")):
            raise UsageError(f"{self._what(key)}: a part of the path ends with a dot", hint="rename the file")
        return self._client.get().get_blob_client(self._address.key(check_key(key)))

    def _what(self, key: str) -> str:
        return f"bucket {self.url}, object {key!r}"


def matching(etag: str | None) -> Mapping[str, Any]:
    """The condition that the object is the one of `etag`."""
    return {"etag": f'"{etag}"', "match_condition": MatchConditions.IfNotModified} if etag is not None else {}


def info_of(key: str, found: Any) -> ObjectInfo:
    """Facts out of the SDK's properties."""
    modified = found.last_modified.timestamp() if found.last_modified else None
    return ObjectInfo(key, int(found.size), _bare(found.etag), found.get("version_id"), modified)


def answered(key: str, size: int, answer: Mapping[str, Any]) -> ObjectInfo:
    """Facts out of the answer to a write."""
    modified = answer["last_modified"].timestamp() if answer.get("last_modified") else None
    return ObjectInfo(key, size, _bare(answer.get("etag")), answer.get("version_id"), modified)


def _bare(etag: str | None) -> str | None:
    return etag.strip('"') if etag else None
