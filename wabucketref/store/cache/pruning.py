"""Keeping a directory of contents within its bound: those not used for longest go first.

How many bytes there are is counted in a small file, since to look at a million files takes seconds. The count may be
off after a crash; it is taken anew whenever something has to go, and once a day.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from wabucketref.failpoints import hit

PART: Final = "part-"
"""How the names of files begin that are not whole yet."""
_USAGE: Final = "usage"
_LOCK: Final = "lock"
_DAY: Final = 86400.0
_ABANDONED: Final = 3600.0
"""Seconds after which a file that is not whole belongs to nobody any more."""
_TARGET: Final = 0.9
"""Of the bound, when something has to go: not after each download again."""


class Content(NamedTuple):
    """One file of the cache."""

    used: float
    size: int
    path: str
    whole: bool


class Pruned(NamedTuple):
    """What was there, and what of it went (or would)."""

    files: int
    bytes: int
    removed_files: int
    removed_bytes: int


def contents(directory: Path) -> Iterator[Content]:
    """All files that are there; what vanishes meanwhile is left out.

    Raises:
        OSError: the directory cannot be read.
    """
    for above in _entries(directory):
        if above.is_dir(follow_symlinks=False):
            for entry in _entries(above.path):
                with suppress(FileNotFoundError):
                    facts = entry.stat(follow_symlinks=False)
                    whole = not entry.name.startswith(PART)
                    yield Content(facts.st_atime if whole else facts.st_mtime, facts.st_size, entry.path, whole)


def prune(directory: Path, limit: int, *, target: float = _TARGET, dry_run: bool = False) -> Pruned:
    """Remove what was not used for longest until at most `limit` bytes are left; then a bit more, down to `target` of
    it. Another process that prunes at the same time leaves less to do, or nothing.

    Raises:
        OSError: the directory cannot be read or written.
    """
    if not directory.is_dir():
        return Pruned(0, 0, 0, 0)
    found = sorted(contents(directory))
    total = left = sum(one.size for one in found)
    bound = limit if total <= limit else int(limit * target)
    removed = removed_bytes = 0
    abandoned = time.time() - _ABANDONED
    for one in found:
        if (left <= bound) if one.whole else (one.used > abandoned):
            continue
        if not dry_run:
            hit("cache.pruning")
            with suppress(FileNotFoundError):
                os.unlink(one.path)
        left, removed, removed_bytes = left - one.size, removed + 1, removed_bytes + one.size
    if not dry_run:
        with _locked(directory):
            _write(directory, left)
    return Pruned(len(found), total, removed, removed_bytes)


def add_usage(directory: Path, size: int) -> int:
    """Count `size` bytes more; the bytes that there are, counted anew when nobody knows.

    Raises:
        OSError: the directory cannot be read or written.
    """
    with _locked(directory):
        known = _read(directory)
        total = known + size if known is not None else sum(one.size for one in contents(directory))
        _write(directory, total, anew=known is None)
    return total


def _read(directory: Path) -> int | None:
    """The count, None when there is none that is good and of today."""
    try:
        number, _, counted = (directory / _USAGE).read_text().partition(" ")
        return int(number) if 0 <= time.time() - float(counted) < _DAY and int(number) >= 0 else None
    except (OSError, ValueError):
        return None


def _write(directory: Path, total: int, *, anew: bool = True) -> None:
    path = directory / _USAGE
    counted = time.time()
    if not anew:
        with suppress(OSError, ValueError):
            counted = float(path.read_text().partition(" ")[2])
    part = directory / f"{_USAGE}-{os.getpid()}"
    part.write_text(f"{total} {counted}")
    part.replace(path)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _entries(directory: str | os.PathLike[str]) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(directory) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
