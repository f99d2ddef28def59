"""The file of a journal: made, opened, owned; and what the disk says of it, in our kinds of errors."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from wabucketref.errors import Conflict, LocalIOError, NotAuthorised, NotFound, WaBucketError


class JournalInUse(Conflict):
    """Another live process owns the journal."""

    kind = "journal_in_use"


def make(path: Path) -> int:
    """A descriptor of a new file, which is this process's.

    Raises:
        Conflict: there is one of this name.
        OSError: the disk refused.
    """
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except FileExistsError as error:
            raise Conflict(
                f"the run {path.stem!r} has a journal already", hint="run `wabucket sync`, or choose another run id"
            ) from error
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)  # `sync` came before the lock and removed what it took for a dead run's


def open_file(path: Path, flags: int) -> int:
    """A descriptor of the file.

    Raises:
        NotFound: it is not there.
        OSError: the disk refused.
    """
    try:
        return os.open(path, flags | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise _gone(path) from error


def own(descriptor: int, path: Path) -> None:
    """Let it be this process's.

    Raises:
        JournalInUse: it is another's.
        NotFound: its owner has removed it meanwhile.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise JournalInUse(f"the run {path.stem!r} is still being written by another process") from error
    if os.fstat(descriptor).st_nlink == 0:
        raise _gone(path)


@contextlib.contextmanager
def mapped(path: Path) -> Iterator[None]:
    """What the disk refuses in the block is raised as by :func:`refusal`."""
    try:
        yield
    except WaBucketError:
        raise
    except OSError as error:
        raise refusal(error, path) from error


def refusal(error: OSError, path: Path) -> WaBucketError:
    """Our kind of it."""
    message = f"cannot write the journal {path}: {error.strerror}"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return NotAuthorised(message, hint="set WABUCKET_HOME to a directory of yours")
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return LocalIOError(message, hint="too many files are open: raise the limit (ulimit -n)")
    return LocalIOError(message, hint="free space or inodes on that disk, or repair it, then try again")


def _gone(path: Path) -> NotFound:
    return NotFound(f"there is no journal {path.name}")
