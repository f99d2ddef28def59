"""The edge to the local file system: OSError becomes one of our kinds, in one table."""

import ctypes
import errno
import os
import shutil
from functools import cache
from types import TracebackType
from typing import Final

from wabucketref.errors import LocalIOError, NotAuthorised, NotFound, UsageError, WaBucketError

_REFUSED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_KEEP_SIZE: Final = 1  # FALLOC_FL_KEEP_SIZE
_BEGIN: Final = 2  # SYNC_FILE_RANGE_WRITE
_HINTS: Final = {
    errno.EROFS: "the file system is read-only",
    errno.ENOSPC: "free space or inodes on that disk, then try again",
    errno.EDQUOT: "the disk quota is used up; free space or inodes, then try again",
    errno.EMFILE: "too many open files; raise `ulimit -n` or lower WABUCKET_CONCURRENCY",
    errno.ENFILE: "the system has too many open files",
}


def local_error(error: OSError, what: str) -> WaBucketError:
    """The error to raise for `error`, met while doing `what`."""
    reason = (error.strerror or str(error)).lower()
    message, hint = f"cannot {what}: {reason}", _HINTS.get(error.errno or 0)
    if error.errno in _REFUSED:
        return NotAuthorised(message, hint=hint or "check the permissions")
    if error.errno == errno.ENOENT:
        return NotFound(message, hint=hint or "check the path")
    if error.errno == errno.ENAMETOOLONG:
        return UsageError(message, hint="use a shorter path")
    return LocalIOError(message, hint=hint or "check the disk, then try again")


class local:  # used as a word of the language, like contextlib.suppress
    """Translate the OSErrors of the block; our own errors, which may be OSErrors too, pass."""

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        """`what`: what the block does, for the message."""
        self._what = what

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, OSError) and not isinstance(error, WaBucketError):
            raise local_error(error, self._what) from error


@cache
def _library() -> ctypes.CDLL:
    """The C library: to look for it takes longer than most calls of it."""
    return ctypes.CDLL(None, use_errno=True)


def sync_file_system(descriptor: int) -> None:
    """Make all that was written to the disk of the open file survive power loss: once, however many files.

    Raises:
        OSError: something written since the descriptor was opened, or since the call before, is lost.
    """
    library = _library()
    if not hasattr(library, "syncfs"):
        os.sync()  # not Linux: all disks at once
    elif library.syncfs(descriptor) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def begin_writing(descriptor: int, start: int, size: int) -> None:
    """Have the disk begin to write what lies there, where the system can be asked to: a sync later on finds it done.

    Promises nothing and tells of no error; the sync does.
    """
    library = _library()
    if hasattr(library, "sync_file_range"):
        library.sync_file_range(descriptor, ctypes.c_int64(start), ctypes.c_int64(size), _BEGIN)


def write_at(descriptor: int, data: bytes | memoryview, start: int) -> None:
    """Write all of `data` at `start`."""
    written = os.pwrite(descriptor, data, start)
    while written < len(data):
        written += os.pwrite(descriptor, memoryview(data)[written:], start + written)


def clone(source: int, target: int, size: int) -> None:
    """Copy `size` bytes between open files, both from their beginning; the target is empty.

    In the kernel where it can (as a copy-on-write clone on disks that know them), else through a buffer.
    """
    done = 0
    while done < size:
        try:
            count = os.copy_file_range(source, target, size - done, done, done)
        except OSError:
            break  # not between these file systems; the buffered copy below finds a real fault again
        if count == 0:
            break
        done += count
    os.lseek(source, done, os.SEEK_SET)
    os.lseek(target, done, os.SEEK_SET)
    with open(source, "rb", closefd=False) as reader, open(target, "wb", closefd=False) as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)


def preallocate(descriptor: int, size: int) -> None:
    """Have room for `size` bytes, where the disk can promise it; the file keeps its length.

    Raises:
        OSError: there is no room.
    """
    library = _library()
    if not hasattr(library, "fallocate"):
        return
    length = ctypes.c_int64(size)
    if library.fallocate(descriptor, _KEEP_SIZE, ctypes.c_int64(0), length) != 0:
        code = ctypes.get_errno()
        if code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise OSError(code, os.strerror(code))
