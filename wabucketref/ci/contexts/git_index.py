"""Whether the files of a checkout differ from the commit, by git's index and the files alone.

Git itself is not asked: it runs what a repository's own configuration names, and the repository may be anybody's.
"""

import hashlib
import os
import stat
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MAX_BYTES: Final = 8 << 20
"""Of an index; a larger one is not looked at: facts are not worth a second."""
_SECONDS: Final = 0.3
_ASSUME_VALID, _EXTENDED = 0x8000, 0x4000
_SKIP_WORKTREE: Final = 0x4000
_GITLINK, _SYMLINK, _DIRECTORY = 0o160000, 0o120000, 0o040000


@dataclass(frozen=True, slots=True)
class _Entry:
    path: bytes
    mode: int
    size: int
    modified: int
    """Nanoseconds since the epoch."""
    digest: bytes
    watched: bool


def changed(index: Path, tree: Path, digits: int) -> bool | None:
    """True: files below `tree` differ from the commit, or their changes are staged. None: it cannot be said quickly.

    Files that git does not track do not count. `digits`: length of a commit's name (40: SHA-1, 64: SHA-256).
    """
    try:
        data = _load(index)
        deadline = time.monotonic() + _SECONDS
        entries = list(_entries(data, digits // 2))
        # A staged change leaves the index without the name of its whole tree, which a commit or checkout puts there.
        if _staged(data, digits // 2):
            return True
        for entry in entries:
            if time.monotonic() > deadline:
                return None
            if entry.watched and _differs(entry, tree, digits):
                return True
    except (OSError, ValueError, IndexError, struct.error):
        return None
    return False


def _load(index: Path) -> bytes:
    if not index.is_file() or index.stat().st_size > _MAX_BYTES:
        raise ValueError("no index of a size to look at")
    return index.read_bytes()


def _entries(data: bytes, width: int) -> Iterator[_Entry]:
    magic, version, count = struct.unpack_from(">4sII", data)
    if magic != b"DIRC" or version not in (2, 3):  # 4 compresses paths; few checkouts have it
        raise ValueError("an index of another format")
    place = 12
    for _ in range(count):
        place, entry = _entry(data, place, width)
        yield entry


def _entry(data: bytes, start: int, width: int) -> tuple[int, _Entry]:
    fields = struct.unpack_from(">10I", data, start)
    digest_at = start + 40
    (flags,) = struct.unpack_from(">H", data, digest_at + width)
    name_at = digest_at + width + 2
    more = 0
    if flags & _EXTENDED:
        (more,) = struct.unpack_from(">H", data, name_at)
        name_at += 2
    end = data.index(b"\0", name_at)
    mode = fields[6]
    if stat.S_IFMT(mode) == _DIRECTORY:
        raise ValueError("a sparse index")
    entry = _Entry(
        path=data[name_at:end],
        mode=mode,
        size=fields[9],
        modified=fields[2] * 10**9 + fields[3],
        digest=data[digest_at : digest_at + width],
        watched=not (flags & _ASSUME_VALID or more & _SKIP_WORKTREE),
    )
    return start + (end - start) // 8 * 8 + 8, entry


def _staged(data: bytes, width: int) -> bool:
    """Whether the index has no valid name for its whole tree, though it keeps such names."""
    place = data.rfind(b"TREE", 0, -width)
    if place < 0:
        return False
    # the root has an empty path, ended by NUL, then the number of its entries: -1 when something below was staged
    return data[place + 8 : place + 12] == b"\0-1 "


def _differs(entry: _Entry, tree: Path, digits: int) -> bool:
    path = os.path.join(os.fsencode(tree), entry.path)
    kind = stat.S_IFMT(entry.mode)
    if kind == _GITLINK:
        return False
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    if kind != stat.S_IFMT(found.st_mode):
        return True
    if kind != _SYMLINK and bool(entry.mode & 0o100) != bool(found.st_mode & 0o100):
        return True
    if found.st_size & 0xFFFFFFFF == entry.size and found.st_mtime_ns == entry.modified:
        return False
    if found.st_size & 0xFFFFFFFF != entry.size and entry.size:
        return True
    return _blob(path, kind, digits) != entry.digest


def _blob(path: bytes, kind: int, digits: int) -> bytes:
    """Git's name of the content; filters and line endings of the user's configuration are not applied."""
    if kind == _SYMLINK:
        content = os.readlink(path)
    else:
        with open(path, "rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise ValueError("too large to look at")
    algorithm = hashlib.sha1 if digits == 40 else hashlib.sha256
    return algorithm(b"blob %d\0" % len(content) + content, usedforsecurity=False).digest()
