"""Mending a journal: of another process its end is cut to whole records, with damage kept aside; one's own is written
anew when the disk failed to sync it."""

import errno
import fcntl
import logging
import os
from pathlib import Path
from typing import Final

from wabucketref.errors import UpgradeRequired
from wabucketref.service import frames

log = logging.getLogger(__name__)

_CHUNK: Final = 1 << 20


def repair(descriptor: int, path: Path) -> int:
    """Cut the file after its last whole record; the position. What is cut off for damage is kept aside, and said.

    Raises:
        UpgradeRequired: a newer release wrote it; it is left alone.
    """
    _anew(path).unlink(missing_ok=True)
    size = os.fstat(descriptor).st_size
    magic = os.pread(descriptor, len(frames.MAGIC), 0)
    if magic[:6] == frames.MAGIC[:6] and len(magic) == len(frames.MAGIC) and magic != frames.MAGIC:
        raise UpgradeRequired(f"the journal {path} was written by a newer release", hint="upgrade wabucket")
    good = whole_until(descriptor, size) if magic == frames.MAGIC else 0
    if good == size and good:
        return good
    if not _is_torn(descriptor, good, size):
        aside = _set_aside(descriptor, path, good, size)
        log.warning("the journal %s is damaged at byte %d; the damaged part is kept as %s", path, good, aside.name)
    os.ftruncate(descriptor, good)
    if good == 0:
        os.write(descriptor, frames.MAGIC)
        good = len(frames.MAGIC)
    os.fdatasync(descriptor)
    return good


def whole_until(descriptor: int, size: int) -> int:
    """Position after the last whole record of a file that begins as a journal does."""
    position = len(frames.MAGIC)
    while position < size:
        want = frames.needed(os.pread(descriptor, frames.HEAD_BYTES, position))
        if not want:
            return position
        data = os.pread(descriptor, max(want, _CHUNK), position)
        start = position
        for end, _ in frames.decode(data):
            position = start + end
        if position == start:
            return position
    return position


def write_anew(descriptor: int, path: Path, end: int) -> None:
    """Put the records up to `end` into a new file, synced, in the place of the old one, lock and descriptor included.

    After a sync that failed the kernel takes for clean what it has not written: asked again, it would say all is well.

    Raises:
        OSError: the disk does not take it either, or the records are damaged by now.
    """
    made = _anew(path)
    fresh = os.open(made, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fresh, fcntl.LOCK_EX)
        _copy(descriptor, fresh, 0, end)
        if whole_until(fresh, end) != end:
            raise OSError(errno.EIO, "it is damaged")
        os.fdatasync(fresh)
        os.replace(made, path)
        sync_directory(path.parent)
        os.dup2(fresh, descriptor, inheritable=False)
    finally:
        made.unlink(missing_ok=True)
        os.close(fresh)
    log.warning("the disk failed to sync the journal %s; it was written anew", path)


def make_directory(path: Path) -> None:
    """Have it, readable by its owner alone; a new one survives power loss, once there is something synced in it."""
    if not path.is_dir():
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in it survive power loss."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _anew(path: Path) -> Path:
    return path.with_name(f"{path.name}.anew")


def _is_torn(descriptor: int, good: int, size: int) -> bool:
    """Whether what follows is the beginning of a magic or of one frame that a kill cut short, not damage."""
    if not good:
        return frames.MAGIC.startswith(os.pread(descriptor, len(frames.MAGIC), 0))
    want = frames.needed(os.pread(descriptor, frames.HEAD_BYTES, good))
    return bool(want) and good + want > size


def _set_aside(descriptor: int, path: Path, start: int, size: int) -> Path:
    aside = path.with_name(f"{path.name}.damaged-{start}")
    copy = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        _copy(descriptor, copy, start, size)
        os.fsync(copy)  # what it was cut out of is cut next
    finally:
        os.close(copy)
    sync_directory(path.parent)
    return aside


def _copy(source: int, target: int, start: int, end: int) -> None:
    for position in range(start, end, _CHUNK):
        view = memoryview(os.pread(source, min(_CHUNK, end - position), position))
        while view:
            view = view[os.write(target, view) :]
