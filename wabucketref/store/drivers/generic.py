"""Any other fsspec scheme (``az://``, ``sftp://``, ``smb://`` …): what all file systems have in common, no more.

There is no conditional put, no copy and no multipart, and none is imitated. On file systems that show a file while it
is written, writes go to a temporary name beside it first, which listings leave out.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

from wabucketref.contracts.factories import API_VERSION
from wabucketref.contracts.storage import Buffer, Capabilities, Multipart, ObjectInfo, Part, Sink, UnfinishedWrite
from wabucketref.errors import IntegrityError, LocalIOError, NotFound, SettingsError, Unsupported, UsageError
from wabucketref.model.names import is_temporary
from wabucketref.model.redact import url_secrets
from wabucketref.store.drivers.chunks import read_in_steps
from wabucketref.store.drivers.generic_errors import translate
from wabucketref.store.drivers.keys import check_key, check_prefix
from wabucketref.store.drivers.loop import PerProcess
from wabucketref.store.drivers.urls import check_path, public, split_scheme

_SHOWN_WHILE_WRITTEN = frozenset(
    {"file", "local", "sftp", "ssh", "ftp", "smb", "hdfs", "arrow_hdfs", "webhdfs", "dbfs"}
)
_MODIFIED = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")


class GenericStorage:
    """A directory of an fsspec file system as a bucket."""

    def __init__(
        self,
        url: str,
        filesystem: Callable[[], tuple[Any, str]] | None = None,
        *,
        shown_while_written: bool | None = None,
        secrets: Sequence[str] = (),
    ) -> None:
        """Nothing is opened yet.

        Args:
            url: of the bucket.
            filesystem: makes the file system and the path of the bucket's root in it; default: fsspec finds it by the
                URL. Called anew in a forked child. It must hold no listing cache.
            shown_while_written: whether others see a file before it is whole; then it is written under another name
                and moved. Default: decided by the file system's protocol.
            secrets: what is cut from messages of the file system, beside what the URL holds.
        """
        self._full_url = url
        self._url = public(url).rstrip("/")
        self._secrets = (*url_secrets(url), *secrets)
        self._make = filesystem or self._by_url
        self._shown = shown_while_written
        self._opened = PerProcess(self._open)

    @property
    def url(self) -> str:
        return self._url

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities()

    def head(self, key: str) -> ObjectInfo | None:
        fs, path = self._at(key)
        try:
            with self._mapped(key):
                info = fs.info(path)
        except NotFound:
            return None
        return _info(key, info) if info.get("type") == "file" else None

    def read(self, key: str, *, limit: int) -> tuple[bytes, ObjectInfo]:
        info = self.head(key)
        if info is None:
            raise NotFound(f"{self._what(key)}: no such object", hint="check the name")
        if info.size > limit:
            raise IntegrityError(f"{self._what(key)}: {info.size} bytes, at most {limit} expected")
        fs, path = self._at(key)
        with self._mapped(key):
            return bytes(fs.cat_file(path)), info

    def read_range(self, key: str, start: int, length: int) -> bytes:
        fs, path = self._at(key)
        with self._mapped(key), fs.open(path, "rb", cache_type="none", block_size=1 << 20) as file:
            file.seek(start)
            return _read_up_to(file, length)

    def read_to(self, key: str, start: int, length: int, sink: Sink) -> int:
        return read_in_steps(partial(self.read_range, key), start, length, sink)

    def put(self, key: str, data: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> ObjectInfo:
        if if_match is not None:
            raise self._refused(key, "replace an object only if unchanged")
        return self.put_stream(key, iter([bytes(data)]), len(data), if_absent=if_absent)

    def put_stream(self, key: str, chunks: Iterator[bytes], size: int, *, if_absent: bool = False) -> ObjectInfo:
        if if_absent:
            raise self._refused(key, "create an object only if absent")
        fs, path = self._at(key)
        with self._mapped(key, writing=True):
            if self._shown_while_written(fs):
                parent, _, _ = path.rpartition("/")
                fs.makedirs(parent, exist_ok=True)
                temporary = f"{parent}/.wabucket-tmp-{secrets.token_hex(12)}"
                _write(fs, temporary, chunks, size, self._what(key))
                fs.mv(temporary, path)
            else:
                _write(fs, path, chunks, size, self._what(key))
        info = self.head(key)
        if info is None:
            raise NotFound(f"{self._what(key)}: removed while it was written", hint="try again")
        return info

    def start_multipart(self, key: str, part_bytes: int, *, if_absent: bool = False) -> Multipart:
        raise self._refused(key, "take uploads in parts")

    def resume_multipart(
        self, key: str, upload_id: str, part_bytes: int, parts: Sequence[Part], *, if_absent: bool = False
    ) -> Multipart:
        raise self._refused(key, "take uploads in parts")

    def abort_multipart(self, key: str, upload_id: str) -> None:
        raise self._refused(key, "take uploads in parts")

    def unfinished(self, prefix: str) -> Iterator[UnfinishedWrite]:
        raise self._refused(prefix, "list writes that are not over")

    def discard(self, write: UnfinishedWrite) -> None:
        raise self._refused(write.key, "list writes that are not over")

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        fs, root = self._opened.get()
        pending = [check_prefix(prefix)]
        while pending:
            here = pending.pop()
            try:
                with self._mapped(here):
                    entries = fs.ls(f"{root}/{here}".rstrip("/"), detail=True)
            except NotFound:
                continue
            for entry in entries:
                name = entry["name"].rstrip("/").rpartition("/")[2]
                if entry.get("type") == "directory":
                    pending.append(f"{here}{name}/")
                elif not is_temporary(name):
                    yield _info(here + name, entry)

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        if if_match is not None:
            raise self._refused(key, "remove an object only if unchanged")
        fs, path = self._at(key)
        try:
            with self._mapped(key, writing=True):
                fs.rm_file(path)
        except NotFound:
            return

    def copy(self, source: str, key: str, *, if_absent: bool = False, seen: ObjectInfo | None = None) -> ObjectInfo:
        raise self._refused(key, "copy objects within the store")

    def flush(self) -> None:
        """File systems of fsspec promise nothing here, and give no way to ask for more."""

    def close(self) -> None:
        self._opened.drop()

    def _by_url(self) -> tuple[Any, str]:
        import fsspec

        fs, root = fsspec.core.url_to_fs(self._full_url, use_listings_cache=False, skip_instance_cache=True)
        return fs, str(root)

    def _open(self) -> tuple[Any, str]:
        try:
            fs, root = self._make()
        except ImportError as error:
            raise SettingsError(f"bucket {self._url}: {error}", hint="install the package it names") from error
        except Exception as error:
            raise translate(error, f"bucket {self._url}", writing=False, secrets=self._secrets) from error
        return fs, root.rstrip("/")

    def _at(self, key: str) -> tuple[Any, str]:
        check_key(key)
        if is_temporary(key.rpartition("/")[2]):
            raise UsageError(f"{key!r} is a name kept for temporary files", hint="rename the file")
        fs, root = self._opened.get()
        return fs, f"{root}/{key}"

    def _shown_while_written(self, fs: Any) -> bool:
        if self._shown is not None:
            return self._shown
        protocols = (fs.protocol,) if isinstance(fs.protocol, str) else fs.protocol
        return not _SHOWN_WHILE_WRITTEN.isdisjoint(protocols)

    @contextmanager
    def _mapped(self, key: str, *, writing: bool = False) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            raise translate(error, self._what(key), writing=writing, secrets=self._secrets) from error

    def _refused(self, key: str, what: str) -> Unsupported:
        return Unsupported(f"{self._what(key)}: this storage cannot {what}", hint="see 'wabucket doctor'")

    def _what(self, key: str) -> str:
        return f"bucket {self._url}, object {key!r}"


class GenericFactory:
    """Opens any URL that fsspec knows; credentials as its file system finds them."""

    api_version = API_VERSION

    def open(self, url: str, environ: Mapping[str, str]) -> GenericStorage:
        scheme, rest = split_scheme(url)
        host, _, path = rest.partition("/")
        if not host and not path.strip("/"):
            raise UsageError(f"malformed bucket URL {public(url)!r}: it names no bucket", hint="write SCHEME://BUCKET")
        check_path(url, path)
        from fsspec.registry import known_implementations, registry

        if scheme not in known_implementations and scheme not in registry:
            raise UsageError(f"unknown scheme {scheme!r} in {public(url)!r}", hint="use s3://, gs://, az:// or file://")
        return GenericStorage(url)


def _write(fs: Any, path: str, chunks: Iterator[bytes], size: int, what: str) -> None:
    """Write all chunks; on error nothing stays under `path`."""
    file = fs.open(path, "wb")
    try:
        sent = 0
        for chunk in chunks:
            file.write(chunk)
            sent += len(chunk)
        if sent != size:
            raise LocalIOError(f"{what}: {sent} bytes came, {size} were announced", hint="run the same command again")
    except BaseException:
        _throw_away(fs, file, path)
        raise
    file.close()


def _throw_away(fs: Any, file: Any, path: str) -> None:
    from fsspec.spec import AbstractBufferedFile

    if isinstance(file, AbstractBufferedFile):
        # Closing would finish the upload. Without its end nothing shows.
        file.discard()
        file.closed = True
        return
    if hasattr(file, "discard") and not getattr(file, "autocommit", False):  # it sends all when it is closed
        file.discard()
        return
    file.close()
    fs.rm_file(path)


def _read_up_to(file: Any, length: int) -> bytes:
    pieces = []
    while length > 0:
        piece = file.read(length)
        if not piece:
            break
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)


def _info(key: str, info: Mapping[str, Any]) -> ObjectInfo:
    modified = next((info[name] for name in _MODIFIED if info.get(name) is not None), None)
    if isinstance(modified, datetime):
        modified = modified.timestamp()
    seconds = float(modified) if isinstance(modified, int | float) else None
    etag = info.get("ETag") or info.get("etag") or info.get("e_tag")
    if not etag:
        facts = f"{info.get('size')} {modified} {info.get('ino')} {info.get('generation')}"
        etag = hashlib.sha256(facts.encode()).hexdigest()[:32]
    return ObjectInfo(key, int(info["size"]), str(etag).strip('"'), modified=seconds)


FACTORY = GenericFactory()
