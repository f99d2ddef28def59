"""Where bytes come from that lie in no bucket of ours: any bucket, a disk, the web."""

import os
import stat
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from wabucketref.contracts.storage import Sink, Storage
from wabucketref.errors import NotFound, Unsupported
from wabucketref.model.redact import public_url
from wabucketref.store.disk.localio import local
from wabucketref.store.kept.source import Facts, Source
from wabucketref.store.kept.web import WebSource

_CHUNK: Final = 1 << 20


class StoredSource:
    """An object of a bucket."""

    def __init__(self, storage: Storage, key: str) -> None:
        self._storage = storage
        self._key = key

    def facts(self) -> Facts:
        info = self._storage.head(self._key)
        if info is None:
            raise NotFound(f"{self._key!r} is not in {self._storage.url}")
        return Facts(info.size, info.etag)

    def read_to(self, limit: int, sink: Sink) -> None:
        self._storage.read_to(self._key, 0, limit, sink)


class DiskSource:
    """A regular file of this machine."""

    def __init__(self, path: str) -> None:
        self._path = path

    def facts(self) -> Facts:
        with local(f"look at {self._path!r}"):
            return Facts(os.stat(self._path).st_size, None)

    def read_to(self, limit: int, sink: Sink) -> None:
        with local(f"read {self._path!r}"):
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Unsupported(f"{self._path!r} is no regular file", hint="leave it out (--exclude)")
            while limit > 0:
                with local(f"read {self._path!r}"):
                    piece = os.read(descriptor, min(_CHUNK, limit))
                if not piece:
                    return
                limit -= len(piece)
                sink(memoryview(piece))
        finally:
            os.close(descriptor)


class Sources:
    """Opens URLs."""

    def __init__(self, open_storage: Callable[[str], Storage]) -> None:
        self._open = open_storage

    def at(self, url: str, inside: str) -> Source:
        """What is at `url`; a bucket `inside` which it lies is opened as that.

        Raises:
            Unsupported: nothing of ours reads such URLs.
        """
        parts = urlsplit(url)
        if parts.scheme in ("http", "https"):
            return WebSource(url)
        if parts.scheme == "file" and parts.netloc in ("", "localhost"):
            return DiskSource(url2pathname(parts.path))
        if parts.scheme in ("", "wandb-artifact") or not parts.netloc:
            raise Unsupported(
                f"{public_url(url)} is no place that can be read", hint="fetch it with W&B's SDK, or --exclude it"
            )
        bucket = inside if inside and url.startswith(f"{inside}/") else f"{parts.scheme}://{parts.netloc}"
        return StoredSource(self._open(bucket), url[len(bucket) + 1 :])
