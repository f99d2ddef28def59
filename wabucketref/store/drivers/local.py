"""``file://``: a bucket is a directory. Plain system calls, so that a small upload starts quickly.

The directory (and those above it) is made by the first write; before that, reads find nothing. The bucket may be, and
may contain, symbolic links: they are followed, save that a listing does not enter linked directories below its prefix.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote

from wabucketref.contracts.factories import API_VERSION
from wabucketref.contracts.storage import Buffer, Capabilities, Multipart, ObjectInfo, Part, Sink, UnfinishedWrite
from wabucketref.errors import (
    AlreadyExists,
    IntegrityError,
    LocalIOError,
    NotFound,
    PreconditionFailed,
    UsageError,
)
from wabucketref.model.names import RESERVED_DIRECTORY, is_temporary
from wabucketref.store.disk.localio import clone
from wabucketref.store.drivers.keys import check_key, check_prefix, check_seen
from wabucketref.store.drivers.local_errors import mapped
from wabucketref.store.drivers.local_hidden import info_of, is_hidden, remove_hidden
from wabucketref.store.drivers.local_parts import LocalMultipart, Place, begin_upload, check_upload, remove_upload
from wabucketref.store.drivers.local_staging import Staged, locked, remove_empty_parents, staged
from wabucketref.store.drivers.local_sync import DiskSync
from wabucketref.store.drivers.urls import check_path, split_scheme

_CAPABILITIES = Capabilities(
    create_if_absent=True,
    replace_if_match=True,
    server_side_copy=True,
    multipart=True,
    resumable=True,
    lists_unfinished=True,
    min_part_bytes=1,
    max_key_bytes=3072,
    local=True,
)
_PIECE = 1 << 20


class LocalStorage:
    """The files below a directory as objects. Safe to call from many threads and processes."""

    proven = True
    """What it says of conditions need not be probed."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = os.path.abspath(root)
        self._url = Path(self._root).as_uri()
        self._sync = DiskSync(self._root)

    @property
    def url(self) -> str:
        return self._url

    @property
    def capabilities(self) -> Capabilities:
        return _CAPABILITIES

    def head(self, key: str) -> ObjectInfo | None:
        path = self._path(key)
        try:
            with mapped(self._what(key)):
                stat = os.stat(path)
        except NotFound:
            return None
        return info_of(key, stat) if _is_file(stat) else None

    def read(self, key: str, *, limit: int) -> tuple[bytes, ObjectInfo]:
        with mapped(self._what(key)), open(self._path(key), "rb", buffering=0) as file:
            stat = os.fstat(file.fileno())
            if stat.st_size > limit:
                raise IntegrityError(
                    f"{self._what(key)}: {stat.st_size} bytes, at most {limit} expected",
                    hint="it was not written by us",
                )
            return _read_at(file.fileno(), 0, stat.st_size), info_of(key, stat)

    def read_range(self, key: str, start: int, length: int) -> bytes:
        with mapped(self._what(key)), open(self._path(key), "rb", buffering=0) as file:
            return _read_at(file.fileno(), start, length)

    def read_to(self, key: str, start: int, length: int, sink: Sink) -> int:
        view, done = memoryview(bytearray(max(0, min(length, _PIECE)))), 0
        with mapped(self._what(key)):
            file = open(self._path(key), "rb", buffering=0)  # noqa: SIM115  # closed by what follows
        with file:
            while done < length:
                with mapped(self._what(key)):
                    count = os.preadv(file.fileno(), [view[: length - done]], start + done)
                if not count:
                    break
                sink(view[:count])
                done += count
        return done

    def put(self, key: str, data: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> ObjectInfo:
        with self._writing(key) as file:
            file.write(data)
            if if_absent and f"/{RESERVED_DIRECTORY}/" in key:
                # What is there counts as soon as it has its name, also when the power fails before the next flush.
                file.settle()
            return self._publish(key, file, if_absent, if_match)

    def put_stream(self, key: str, chunks: Iterator[bytes], size: int, *, if_absent: bool = False) -> ObjectInfo:
        sent = 0
        with self._writing(key) as file:
            for chunk in chunks:
                file.write(chunk)
                sent += len(chunk)
            if sent != size:
                raise LocalIOError(f"{self._what(key)}: {sent} bytes came, {size} were announced", hint="try again")
            return self._publish(key, file, if_absent, None)

    def start_multipart(self, key: str, part_bytes: int, *, if_absent: bool = False) -> Multipart:
        return self._multipart(key, begin_upload(self._place(key)), part_bytes, (), if_absent)

    def resume_multipart(
        self, key: str, upload_id: str, part_bytes: int, parts: Sequence[Part], *, if_absent: bool = False
    ) -> Multipart:
        check_upload(self._place(key), upload_id)
        return self._multipart(key, upload_id, part_bytes, parts, if_absent)

    def abort_multipart(self, key: str, upload_id: str) -> None:
        remove_upload(self._place(key), upload_id)

    def _multipart(
        self, key: str, upload_id: str, part_bytes: int, parts: Sequence[Part], if_absent: bool
    ) -> Multipart:
        with mapped(self._what(key), writing=True):
            self._sync.begin()

        def publish(file: Staged) -> ObjectInfo:
            return self._publish(key, file, if_absent, None)

        return LocalMultipart(self._place(key), upload_id, part_bytes, publish, parts)

    def unfinished(self, prefix: str) -> Iterator[UnfinishedWrite]:
        """Hidden files: of uploads in parts, and of writes whose process was killed."""
        for info in self._walk(prefix, hidden=True):
            yield UnfinishedWrite(info.key, info.etag or "", info.modified, info.size)

    def discard(self, write: UnfinishedWrite) -> None:
        """One that was written to since it was seen stays."""
        remove_hidden(self._root, write, self._what(write.key))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return self._walk(prefix, hidden=False)

    def _walk(self, prefix: str, *, hidden: bool) -> Iterator[ObjectInfo]:
        pending = [check_prefix(prefix)]
        while pending:
            here = pending.pop()
            try:
                with mapped(self._what(here)):
                    entries = os.scandir(os.path.join(self._root, here))
            except NotFound:
                continue
            with mapped(self._what(here)), entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(f"{here}{entry.name}/")
                    elif (is_hidden(entry.name) if hidden else not is_temporary(entry.name)) and entry.is_file():
                        with suppress(FileNotFoundError):  # removed meanwhile
                            yield info_of(here + entry.name, entry.stat())

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        path = self._path(key)
        if not os.path.isdir(self._root):
            if if_match is not None:
                raise self._changed(key)
            return
        with mapped(self._what(key), writing=True), locked(self._root, exclusive=if_match is not None):
            if if_match is not None:
                self._check_match(key, if_match)
            self._sync.begin()
            try:
                os.unlink(path)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return
            self._sync.wrote()
            remove_empty_parents(path, self._root)

    def copy(self, source: str, key: str, *, if_absent: bool = False, seen: ObjectInfo | None = None) -> ObjectInfo:
        with mapped(self._what(source)), open(self._path(source), "rb", buffering=0) as original:
            info = info_of(source, os.fstat(original.fileno()))
            check_seen(info, seen, self._what(source))
            with self._writing(key) as file:
                clone(original.fileno(), file.fd, info.size)
                return self._publish(key, file, if_absent, None)

    def flush(self) -> None:
        """Make everything stored so far survive power loss."""
        self._sync.flush()

    def close(self) -> None:
        self._sync.close()

    @contextmanager
    def _writing(self, key: str) -> Iterator[Staged]:
        path = self._path(key)
        with mapped(self._what(key), writing=True):
            self._sync.begin()
            with staged(path) as file:
                yield file

    def _publish(self, key: str, file: Staged, if_absent: bool, if_match: str | None) -> ObjectInfo:
        if if_absent:
            try:
                stat = file.create()
            except FileExistsError as error:
                raise AlreadyExists(
                    f"{self._what(key)}: already exists", hint="choose another name or remove it"
                ) from error
            self._sync.wrote()
            return info_of(key, stat)
        with locked(self._root, exclusive=if_match is not None):
            if if_match is not None:
                self._check_match(key, if_match)
            return info_of(key, file.replace())

    def _check_match(self, key: str, etag: str) -> None:
        found = self.head(key)
        if found is None or found.etag != etag:
            raise self._changed(key)

    def _changed(self, key: str) -> PreconditionFailed:
        return PreconditionFailed(f"{self._what(key)}: changed or removed by another writer", hint="look at it again")

    def _path(self, key: str) -> str:
        check_key(key, _CAPABILITIES.max_key_bytes)
        if is_temporary(key.rpartition("/")[2]):
            raise UsageError(f"{key!r} is a name kept for temporary files", hint="rename the file")
        return os.path.join(self._root, key)

    def _place(self, key: str) -> Place:
        return Place(self._path(key), self._root, self._what(key))

    def _what(self, key: str) -> str:
        return f"bucket {self._url}, object {key!r}"


class LocalFactory:
    """Opens ``file:///ABSOLUTE/PATH`` (percent-encoding is understood) or a plain absolute path."""

    api_version = API_VERSION
    capabilities = _CAPABILITIES

    def open(self, url: str, environ: Mapping[str, str]) -> LocalStorage:
        if url.startswith("/"):
            return LocalStorage(url)
        scheme, rest = split_scheme(url)
        host, slash, path = rest.partition("/")
        if scheme != "file" or not slash or host not in ("", "localhost"):
            raise UsageError(f"malformed bucket URL {url!r}", hint="write it as file:///ABSOLUTE/PATH")
        return LocalStorage("/" + unquote(check_path(url, path)))


def _is_file(stat: os.stat_result) -> bool:
    return (stat.st_mode & 0o170000) == 0o100000


def _read_at(fd: int, start: int, length: int) -> bytes:
    pieces = []
    while length > 0:
        piece = os.pread(fd, length, start)
        if not piece:
            break
        pieces.append(piece)
        start += len(piece)
        length -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


FACTORY = LocalFactory()
