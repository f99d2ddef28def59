"""A bucket whose credentials are renewed before they expire, over the provider's own driver."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from wabucketref.errors import NotAuthorised
from wabucketref.plugin import (
    Buffer,
    Capabilities,
    Multipart,
    ObjectInfo,
    Part,
    Sink,
    Storage,
    UnfinishedWrite,
)
from wabucketref_apolo.platform import Granted, Platform
from wabucketref_apolo.providers import opened

R = TypeVar("R")
_MARGIN: Final = 600.0
"""Seconds before their end at which credentials are renewed; of those that live shorter, a third of their life."""


class ApoloStorage:
    """Implements Storage. Thread-safe; asks the platform when it is first used, and in a forked child anew."""

    def __init__(
        self,
        url: str,
        path: str,
        platform: Platform,
        environ: Mapping[str, str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._url = url.rstrip("/")
        self._path = path
        self._platform = platform
        self._environ = environ
        self._clock = clock
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._inner: Storage | None = None
        self._renew_at = float("inf")

    @property
    def url(self) -> str:
        return self._url

    @property
    def capabilities(self) -> Capabilities:
        # Not many at a time from one thread: each request finds by itself that credentials have expired.
        return replace(self.inner().capabilities, many=False)

    @property
    def identity(self) -> str:
        """What tells this bucket from one of the same name elsewhere."""
        inner = self.inner()
        return f"{self._url} is {getattr(inner, 'identity', inner.url)}"

    def inner(self) -> Storage:
        """The provider's bucket, with credentials that are good for a while."""
        if self._pid != os.getpid():
            self._lock, self._inner, self._pid = threading.Lock(), None, os.getpid()
        with self._lock:
            if self._inner is None or self._clock() >= self._renew_at:
                self._inner = self._renewed()
            return self._inner

    def _renewed(self) -> Storage:
        """What still uses the former connection ends there; it is closed when nobody holds it."""
        asked = self._clock()
        granted = self._platform.grant()
        self._renew_at = _renew_at(granted, asked)
        return opened(granted, self._path, self._environ)

    def again(self, call: Callable[[Storage], R]) -> R:
        """`call` with the bucket; with new credentials once more when the store says that they have expired."""
        inner = self.inner()
        try:
            return call(inner)
        except NotAuthorised as error:
            if not error.expired:
                raise
            with self._lock:
                if self._inner is inner:
                    self._inner = None
        return call(self.inner())

    def head(self, key: str) -> ObjectInfo | None:
        return self.again(lambda inner: inner.head(key))

    def read(self, key: str, *, limit: int) -> tuple[bytes, ObjectInfo]:
        return self.again(lambda inner: inner.read(key, limit=limit))

    def read_range(self, key: str, start: int, length: int) -> bytes:
        return self.again(lambda inner: inner.read_range(key, start, length))

    def read_to(self, key: str, start: int, length: int, sink: Sink) -> int:
        return self.inner().read_to(key, start, length, sink)

    def put(self, key: str, data: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> ObjectInfo:
        return self.again(lambda inner: inner.put(key, data, if_absent=if_absent, if_match=if_match))

    def put_stream(self, key: str, chunks: Iterator[bytes], size: int, *, if_absent: bool = False) -> ObjectInfo:
        return self.inner().put_stream(key, chunks, size, if_absent=if_absent)

    def start_multipart(self, key: str, part_bytes: int, *, if_absent: bool = False) -> Multipart:
        inner = self.inner()
        return RenewedMultipart(
            self, inner, inner.start_multipart(key, part_bytes, if_absent=if_absent), key, part_bytes, if_absent
        )

    def resume_multipart(
        self, key: str, upload_id: str, part_bytes: int, parts: Sequence[Part], *, if_absent: bool = False
    ) -> Multipart:
        inner = self.inner()
        upload = inner.resume_multipart(key, upload_id, part_bytes, parts, if_absent=if_absent)
        return RenewedMultipart(self, inner, upload, key, part_bytes, if_absent)

    def abort_multipart(self, key: str, upload_id: str) -> None:
        self.again(lambda inner: inner.abort_multipart(key, upload_id))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return self.inner().list(prefix)

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        self.again(lambda inner: inner.delete(key, if_match=if_match))

    def copy(self, source: str, key: str, *, if_absent: bool = False, seen: ObjectInfo | None = None) -> ObjectInfo:
        return self.again(lambda inner: inner.copy(source, key, if_absent=if_absent, seen=seen))

    def unfinished(self, prefix: str) -> Iterator[UnfinishedWrite]:
        return self.inner().unfinished(prefix)

    def discard(self, write: UnfinishedWrite) -> None:
        self.again(lambda inner: inner.discard(write))

    def flush(self) -> None:
        if self._inner is not None:
            self._inner.flush()

    def close(self) -> None:
        with self._lock:
            inner, self._inner = self._inner, None
        if inner is not None:
            inner.close()


class RenewedMultipart:
    """Implements Multipart: an upload that may last longer than the credentials it began with."""

    def __init__(
        self, storage: ApoloStorage, inner: Storage, upload: Multipart, key: str, part_bytes: int, if_absent: bool
    ) -> None:
        self.upload_id = upload.upload_id
        self._storage = storage
        self._inner = inner
        self._upload = upload
        self._key = key
        self._part_bytes = part_bytes
        self._if_absent = if_absent
        self._lock = threading.Lock()

    @property
    def landed(self) -> Mapping[int, Part]:
        return self._upload.landed

    def put_part(self, number: int, data: Buffer) -> Part:
        return self._current().put_part(number, data)

    def complete(self) -> ObjectInfo:
        return self._current().complete()

    def abort(self) -> None:
        self._current().abort()

    def _current(self) -> Multipart:
        """The upload over the connection of today: gone on with where the credentials were renewed."""
        inner = self._storage.inner()
        with self._lock:
            if inner is not self._inner and inner.capabilities.resumable:
                parts = list(self._upload.landed.values())
                self._upload = inner.resume_multipart(
                    self._key, self.upload_id, self._part_bytes, parts, if_absent=self._if_absent
                )
                self._inner = inner
            return self._upload


def _renew_at(granted: Granted, asked: float) -> float:
    if granted.expires is None:
        return float("inf")
    return granted.expires - min(_MARGIN, max(granted.expires - asked, 0) / 3)
