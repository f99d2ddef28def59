"""The digests of files on this machine that were hashed before, found by what the disk says of each file.

A file counts as unchanged while its path, size, both times, inode and device are the same. That holds only if a change
must show in them: the clock of a disk ticks, and a change within the tick of the last one leaves the times as they are.
So a digest is stored only for files that had been left alone for a while before they were read.
"""

import os
import time
from pathlib import Path
from struct import Struct
from typing import Final

from wabucketref.filesystem import is_network
from wabucketref.model.manifest import DIGEST_PREFIX
from wabucketref.store.cache.table import DigestTable
from wabucketref.store.source.tree import Found

_FACTS: Final = Struct("<qqqQQ")
_QUIET_SECONDS: Final = 2.0
"""No clock of a local disk ticks more coarsely (FAT's)."""
_QUIET_SECONDS_SHARED: Final = 3600.0
"""On disks of other machines: their clock need not be ours, and what they say of a file may be a minute old."""


class DigestCache:
    """The digests known on this machine, in one file of a home. Without a path it knows nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def of(self, root: str, files: int = 0) -> "KnownDigests":
        """Those of the files below the real directory `root`, of which about `files` will be asked for."""
        if self._path is None:
            return KnownDigests(None, root)
        table = DigestTable(self._path)
        table.reserve(files)
        return KnownDigests(table, root)


class KnownDigests:
    """Digests of files below one directory, whose content is read after this was made. Thread-safe; to be closed."""

    def __init__(self, table: DigestTable | None, root: str) -> None:
        self._table = table
        self._root = os.fsencode(root)
        self._path = root
        self._began = time.time_ns()
        self._quiet: dict[int, int] = {}

    def get(self, found: Found) -> str | None:
        """The digest of a file that is as it was when it was hashed."""
        if self._table is None or found.directory:
            return None
        raw = self._table.get(self._key(found), _facts(found))
        return None if raw is None else DIGEST_PREFIX + raw.hex()

    def note(self, found: Found, digest: str) -> None:
        """Store the digest of a file that was read whole, and was as `found` before and after."""
        if self._table is None or found.directory:
            return
        if max(found.mtime_ns, found.ctime_ns) <= self._began - self._quiet_ns(found):
            self._put(found, digest)

    def note_own(self, found: Found, digest: str) -> None:
        """As :meth:`note`, for a file that this process itself wrote and moved into place: its content is known.

        The caller lets the disk's clock tick before anybody is told of the file (:func:`tick`).
        """
        if self._table is not None and self._quiet_ns(found) <= _QUIET_SECONDS * 1e9:
            self._put(found, digest)

    def close(self) -> None:
        """Idempotent."""
        if self._table is not None:
            self._table.close()

    def __enter__(self) -> "KnownDigests":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _put(self, found: Found, digest: str) -> None:
        assert self._table is not None
        if digest.startswith(DIGEST_PREFIX):  # what other programs logged has others
            self._table.put(self._key(found), _facts(found), bytes.fromhex(digest[len(DIGEST_PREFIX) :]))

    def _key(self, found: Found) -> bytes:
        return b"%b/%b" % (self._root, os.fsencode(found.place))

    def _quiet_ns(self, found: Found) -> int:
        """How long a file must have been left alone on its disk."""
        if found.device not in self._quiet:
            shared = is_network(os.path.join(self._path, found.place))
            self._quiet[found.device] = int((_QUIET_SECONDS_SHARED if shared else _QUIET_SECONDS) * 1e9)
        return self._quiet[found.device]


def tick() -> None:
    """Wait until files that change from now on get a later time than those changed until now: some milliseconds."""
    clock = getattr(time, "CLOCK_REALTIME_COARSE", None)  # what Linux takes for the times of files
    if clock is None:
        time.sleep(0.02)
        return
    before = time.clock_gettime_ns(clock)
    while time.clock_gettime_ns(clock) == before:
        time.sleep(0.001)


def _facts(found: Found) -> bytes:
    return _FACTS.pack(found.size, found.mtime_ns, found.ctime_ns, found.inode, found.device)
