"""The transfer memory on disk: which files, and parts of files, of an unfinished upload are in the bucket already.

One small append-only file an upload *destination*, not an operation: the same command run again, and ``sync`` after a
crash, both find it. Beside it lies one a file that is sent in parts, as long as that goes on. They are hints only; the
upload checks each entry against the source and the store. Lines are JSON; a torn last line is ignored.
"""

import contextlib
import hashlib
import json
import os
import threading
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from json.encoder import encode_basestring_ascii as quoted
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from wabucketref.contracts.storage import MAX_PARTS
from wabucketref.contracts.transfer import OpenUpload, StoredFile, StoredPart
from wabucketref.store.objects import Index

T = TypeVar("T")
_LINE_BYTES: Final = 1024


class FileMemory:
    """Implements contracts.transfer.TransferMemory. Written without fsync: losing it costs time, not data."""

    def __init__(self, directory: Path, bucket: str, artifact: str) -> None:
        self._directory = directory
        self._name = _hash(f"{bucket}\n{artifact}")
        self._path = directory / f"{self._name}.jsonl"
        self._lock = threading.Lock()
        self._known = _Known(self._path)
        left = map(self._upload_in, self._parts_paths())
        self._open = {upload.upload_id: upload for upload in left if upload is not None}
        self._descriptor = -1

    def recall(self, path: str) -> StoredFile | None:
        return self._known.get(path)

    def remember(self, stored: StoredFile) -> None:
        line = _line(stored)
        with self._lock, contextlib.suppress(OSError):  # a full disk must not fail an upload over a hint
            if self._descriptor < 0:
                self._descriptor = self._create(self._path)
                if os.fstat(self._descriptor).st_size:
                    line = b"\n" + line  # what a kill left may have no line end
            os.write(self._descriptor, line)
        if self._open:
            for upload in self.unfinished():
                if upload.path == stored.path:
                    self.end(upload)

    def begin(self, upload: OpenUpload) -> bool:
        with self._lock:
            self._open[upload.upload_id] = upload
        try:
            _append(self._create(self._parts_path(upload)), _line(upload))
        except OSError:
            return False
        return True

    def landed(self, upload: OpenUpload, part: StoredPart) -> None:
        if part.number > MAX_PARTS:
            return
        with contextlib.suppress(OSError):  # also when it has ended: then the file is gone, and is not made again
            flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
            _append(os.open(self._parts_path(upload), flags), b"\n" + _line(part))

    def unfinished(self) -> Sequence[OpenUpload]:
        with self._lock:
            return list(self._open.values())

    def parts_of(self, upload: OpenUpload) -> Mapping[int, StoredPart]:
        found = _read(self._parts_path(upload), StoredPart)
        return {part.number: part for part in found if 1 <= part.number <= MAX_PARTS}

    def end(self, upload: OpenUpload) -> None:
        with self._lock:
            self._open.pop(upload.upload_id, None)
        with contextlib.suppress(OSError):
            self._parts_path(upload).unlink(missing_ok=True)

    def forget(self) -> None:
        """The upload is committed, or will never be. What is still open of it stays, to be given back some time."""
        self.close()
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
            for path in self._parts_paths():
                if self._upload_in(path) is None:
                    path.unlink(missing_ok=True)

    def close(self) -> None:
        self._known.close()
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

    def _create(self, path: Path) -> int:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def _parts_path(self, upload: OpenUpload) -> Path:
        return self._directory / f"{self._name}-{_hash(upload.upload_id)}.parts"

    def _parts_paths(self) -> Iterable[Path]:
        return sorted(self._directory.glob(f"{self._name}-*.parts"))

    def _upload_in(self, path: Path) -> OpenUpload | None:
        """The upload whose parts the file has, unless it was killed before it could say."""
        upload = next(iter(_read(path, OpenUpload)), None)
        return upload if upload is not None and path == self._parts_path(upload) else None


class _Known:
    """The files that earlier tries stored. Only where each is said is in memory: they may be a million. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._index = Index()
        self._starts = array("Q")
        self._descriptor = -1
        with contextlib.suppress(OSError):
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            with open(self._descriptor, "rb", closefd=False) as file:
                self._take_in(file)

    def _take_in(self, lines: Iterable[bytes]) -> None:
        start = 0
        for line in lines:
            stored = _parsed(line, StoredFile)
            if stored is not None:
                self._index.add(stored.path)
                self._starts.append(start)
            start += len(line)

    def get(self, path: str) -> StoredFile | None:
        """What was said of it last."""
        for position in reversed(list(self._index.find(path))):
            with contextlib.suppress(OSError):
                stored = _parsed(self._line(self._starts[position]), StoredFile)
                if stored is not None and stored.path == path:
                    return stored
        return None

    def _line(self, start: int) -> bytes:
        data = b""
        while b"\n" not in data and (more := os.pread(self._descriptor, _LINE_BYTES, start + len(data))):
            data += more
        return data.partition(b"\n")[0]

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._index = -1, Index()


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


_FIELDS = {kind: tuple(field.name for field in fields(kind)) for kind in (StoredFile, OpenUpload, StoredPart)}


def _line(fact: StoredFile | OpenUpload | StoredPart) -> bytes:
    """JSON, by hand: there is one for each file, and the library's encoder takes three times as long."""
    pairs = ",".join([f'"{name}":{_json(getattr(fact, name))}' for name in _FIELDS[type(fact)]])
    return f"{{{pairs}}}\n".encode()


def _json(value: str | int | None) -> str:
    if isinstance(value, str):
        return quoted(value)
    return "null" if value is None else str(value)


def _append(descriptor: int, data: bytes) -> None:
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


def _read(path: Path, kind: type[T]) -> Iterable[T]:
    """The lines of `path` that are whole facts of this kind."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        if (fact := _parsed(line, kind)) is not None:
            yield fact


def _parsed(line: bytes, kind: type[T]) -> T | None:
    with contextlib.suppress(ValueError, TypeError, RecursionError):
        return cast(T, _checked(kind(**json.loads(line))))
    return None


def _checked(fact: Any) -> Any:
    for field in fields(fact):
        if not isinstance(getattr(fact, field.name), field.type):  # type: ignore[arg-type]
            raise TypeError(field.name)
    return fact
