"""``memory://``: buckets in this process, by name; for tests and examples. Supports everything the contract knows."""

import itertools
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wabucketref.contracts.factories import API_VERSION
from wabucketref.contracts.storage import Buffer, Capabilities, ObjectInfo, Part, Sink, UnfinishedWrite
from wabucketref.errors import AlreadyExists, IntegrityError, LocalIOError, NotFound, PreconditionFailed, UsageError
from wabucketref.store.drivers.keys import check_key, check_prefix, check_seen
from wabucketref.store.drivers.parts import in_a_row
from wabucketref.store.drivers.urls import BucketUrl, parse_bucket_url

_CAPABILITIES = Capabilities(
    create_if_absent=True,
    replace_if_match=True,
    server_side_copy=True,
    multipart=True,
    resumable=True,
    lists_unfinished=True,
    min_part_bytes=1,
)


@dataclass
class _Bucket:
    lock: threading.Lock = field(default_factory=threading.Lock)
    objects: dict[str, tuple[bytes, ObjectInfo]] = field(default_factory=dict)
    uploads: dict[tuple[str, str], dict[int, bytes]] = field(default_factory=dict)
    """Parts of open uploads, by key and upload id."""
    begun: dict[tuple[str, str], float] = field(default_factory=dict)
    """When each of them began."""
    generation: Iterator[int] = field(default_factory=lambda: itertools.count(1))


_buckets: dict[str, _Bucket] = {}
_buckets_lock = threading.Lock()


class MemoryStorage:
    """One bucket in memory. All instances of a name in one process share it; a forked child gets a copy."""

    proven = True
    """What it says of conditions need not be probed."""

    def __init__(self, name: str = "bucket", prefix: str = "") -> None:
        self._address = BucketUrl("memory", name, prefix)
        with _buckets_lock:
            self._bucket = _buckets.setdefault(name, _Bucket())

    @property
    def url(self) -> str:
        return str(self._address)

    @property
    def capabilities(self) -> Capabilities:
        return _CAPABILITIES

    def head(self, key: str) -> ObjectInfo | None:
        found = self._bucket.objects.get(self._full(key))
        return found[1] if found else None

    def read(self, key: str, *, limit: int) -> tuple[bytes, ObjectInfo]:
        data, info = self._get(key)
        if len(data) > limit:
            raise IntegrityError(f"{self._what(key)}: {len(data)} bytes, at most {limit} expected")
        return data, info

    def read_range(self, key: str, start: int, length: int) -> bytes:
        return self._get(key)[0][start : start + length]

    def read_to(self, key: str, start: int, length: int, sink: Sink) -> int:
        found = self.read_range(key, start, length)
        if found:
            sink(memoryview(found))
        return len(found)

    def put(self, key: str, data: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> ObjectInfo:
        full = self._full(key)
        with self._bucket.lock:
            self._check(full, if_absent, if_match)
            return self._store(full, bytes(data))

    def put_stream(self, key: str, chunks: Iterator[bytes], size: int, *, if_absent: bool = False) -> ObjectInfo:
        data = b"".join(chunks)
        if len(data) != size:
            raise LocalIOError(f"{self._what(key)}: {len(data)} bytes came, {size} were announced", hint="try again")
        return self.put(key, data, if_absent=if_absent)

    def start_multipart(self, key: str, part_bytes: int, *, if_absent: bool = False) -> "MemoryMultipart":
        upload_id = str(next(self._bucket.generation))
        self._bucket.begun[self._full(key), upload_id] = time.time()
        self._bucket.uploads[self._full(key), upload_id] = {}
        return MemoryMultipart(self, key, upload_id, if_absent)

    def resume_multipart(
        self, key: str, upload_id: str, part_bytes: int, parts: Sequence[Part], *, if_absent: bool = False
    ) -> "MemoryMultipart":
        self.parts(key, upload_id)
        return MemoryMultipart(self, key, upload_id, if_absent)

    def abort_multipart(self, key: str, upload_id: str) -> None:
        self._bucket.uploads.pop((self._full(key), upload_id), None)

    def parts(self, key: str, upload_id: str) -> dict[int, bytes]:
        """What is stored of an open upload.

        Raises:
            NotFound: it is over.
        """
        try:
            return self._bucket.uploads[self._full(key), upload_id]
        except KeyError as error:
            raise NotFound(f"{self._what(key)}: the upload is over", hint="start it over") from error

    def unfinished(self, prefix: str) -> Iterator[UnfinishedWrite]:
        root = self._address.key(check_prefix(prefix))
        for (key, upload_id), parts in list(self._bucket.uploads.items()):
            if key.startswith(root):
                begun, size = self._bucket.begun[key, upload_id], sum(map(len, list(parts.values())))
                yield UnfinishedWrite(self._address.relative(key), upload_id, begun, size)

    def discard(self, write: UnfinishedWrite) -> None:
        self.abort_multipart(write.key, write.upload_id)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        root = self._address.key(check_prefix(prefix))
        with self._bucket.lock:
            found = [info for key, (_, info) in self._bucket.objects.items() if key.startswith(root)]
        return iter(found)

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        full = self._full(key)
        with self._bucket.lock:
            self._check(full, False, if_match)
            self._bucket.objects.pop(full, None)

    def copy(self, source: str, key: str, *, if_absent: bool = False, seen: ObjectInfo | None = None) -> ObjectInfo:
        data, info = self._get(source)
        check_seen(info, seen, self._what(source))
        return self.put(key, data, if_absent=if_absent)

    def flush(self) -> None:
        """Nothing here survives the process anyway."""

    def close(self) -> None:
        """The bucket stays for other instances."""

    def _get(self, key: str) -> tuple[bytes, ObjectInfo]:
        try:
            return self._bucket.objects[self._full(key)]
        except KeyError as error:
            raise NotFound(f"{self._what(key)}: no such object", hint="check the name") from error

    def _check(self, full: str, if_absent: bool, if_match: str | None) -> None:
        found = self._bucket.objects.get(full)
        if if_absent and found:
            raise AlreadyExists(f"{self._what(full)}: already exists", hint="choose another name or remove it")
        if if_match is not None and (not found or found[1].etag != if_match):
            raise PreconditionFailed(f"{self._what(full)}: changed by another writer", hint="look at it again")

    def _store(self, full: str, data: bytes) -> ObjectInfo:
        number = str(next(self._bucket.generation))
        info = ObjectInfo(self._address.relative(full), len(data), number, number, time.time())
        self._bucket.objects[full] = (data, info)
        return info

    def _full(self, key: str) -> str:
        return self._address.key(check_key(key))

    def _what(self, key: str) -> str:
        return f"bucket {self.url}, object {key!r}"


class MemoryMultipart:
    """Parts kept in the bucket until :meth:`complete`."""

    def __init__(self, storage: MemoryStorage, key: str, upload_id: str, if_absent: bool) -> None:
        self.upload_id = upload_id
        self._storage = storage
        self._key = key
        self._if_absent = if_absent

    @property
    def landed(self) -> Mapping[int, Part]:
        parts = dict(self._storage.parts(self._key, self.upload_id))
        return {number: Part(number, len(data)) for number, data in parts.items()}

    def put_part(self, number: int, data: Buffer) -> Part:
        if number < 1:
            raise UsageError(f"part {number}: parts count from 1")
        self._storage.parts(self._key, self.upload_id)[number] = bytes(data)
        return Part(number, len(data))

    def complete(self) -> ObjectInfo:
        parts = dict(self._storage.parts(self._key, self.upload_id))
        data = b"".join(parts[part.number] for part in in_a_row(self.landed, self._key))
        info = self._storage.put(self._key, data, if_absent=self._if_absent)
        self.abort()
        return info

    def abort(self) -> None:
        self._storage.abort_multipart(self._key, self.upload_id)


class MemoryFactory:
    """Opens ``memory://NAME[/PREFIX]``."""

    api_version = API_VERSION
    capabilities = _CAPABILITIES

    def open(self, url: str, environ: Mapping[str, str]) -> MemoryStorage:
        address = parse_bucket_url(url, "memory")
        return MemoryStorage(address.bucket, address.prefix)


FACTORY = MemoryFactory()
