"""The transfer memory on disk: which files of an unfinished upload are in the bucket already.

One small append-only file an upload *destination*, not an operation: the same command run again, and ``sync`` after a
crash, both find it. It is a hint only; the upload checks each entry against the source and the store. Lines are JSON;
a torn last line is ignored.
"""

import contextlib
import hashlib
import json
import os
import threading
from dataclasses import asdict
from pathlib import Path

from wabucketref.contracts.transfer import StoredFile


class FileMemory:
    """Implements contracts.transfer.TransferMemory. Written without fsync: losing it costs time, not data."""

    def __init__(self, directory: Path, bucket: str, artifact: str) -> None:
        name = hashlib.sha256(f"{bucket}\n{artifact}".encode()).hexdigest()[:32]
        self._path = directory / f"{name}.jsonl"
        self._lock = threading.Lock()
        self._known = _read(self._path)
        self._descriptor = -1

    def recall(self, path: str) -> StoredFile | None:
        with self._lock:
            return self._known.get(path)

    def remember(self, stored: StoredFile) -> None:
        line = json.dumps(asdict(stored), separators=(",", ":")).encode() + b"\n"
        with self._lock, contextlib.suppress(OSError):  # a full disk must not fail an upload over a hint
            if self._descriptor < 0:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
                self._descriptor = os.open(self._path, flags, 0o600)
                if os.fstat(self._descriptor).st_size:
                    line = b"\n" + line  # what a kill left may have no line end
            os.write(self._descriptor, line)

    def forget(self) -> None:
        """The upload is committed."""
        self.close()
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def close(self) -> None:
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1


def _read(path: Path) -> dict[str, StoredFile]:
    found: dict[str, StoredFile] = {}
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return found
    for line in lines:
        with contextlib.suppress(ValueError, TypeError):
            stored = StoredFile(**json.loads(line))
            found[stored.path] = stored
    return found
