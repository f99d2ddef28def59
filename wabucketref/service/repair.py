"""Opening a journal that another process left: its end is cut to whole records, and damage is kept aside."""

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


def _is_torn(descriptor: int, good: int, size: int) -> bool:
    """Whether what follows is the beginning of a magic or of one frame that a kill cut short, not damage."""
    if not good:
        return frames.MAGIC.startswith(os.pread(descriptor, len(frames.MAGIC), 0))
    want = frames.needed(os.pread(descriptor, frames.HEAD_BYTES, good))
    return bool(want) and good + want > size


def _set_aside(descriptor: int, path: Path, start: int, size: int) -> Path:
    aside = path.with_name(f"{path.name}.damaged-{start}")
    with open(aside, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as copy:
        for position in range(start, size, _CHUNK):
            copy.write(os.pread(descriptor, min(_CHUNK, size - position), position))
    return aside
