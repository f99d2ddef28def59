"""Writing on a local disk so that a key shows its old bytes or its new ones, never part of them.

A file is written under a temporary name in the directory of its key and then *published*: linked to the key's name
(fails when there is one) or renamed over it. What a killed process leaves behind is a temporary file that no listing
shows; one that holds parts of an upload has a name by which the next upload of the key finds it (``local_parts.py``).
Conditional replaces exclude each other and all unconditional writes by ``flock`` on one file in the root.
"""

import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from wabucketref.contracts.storage import Buffer
from wabucketref.errors import Unsupported

LOCK_NAME = ".wabucket-lock"
TEMPORARY_PREFIX = ".wabucket-tmp-"
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_FLAGS = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC


class Staged:
    """A file being written; shows nowhere until :meth:`create` or :meth:`replace`."""

    def __init__(self, path: str, temporary: str, fd: int) -> None:
        """`fd` is open for writing on the file `temporary` in the directory of `path`."""
        self._path = path
        self._directory = os.path.dirname(path)
        self._temporary = temporary
        self._fd = fd

    @property
    def fd(self) -> int:
        return self._fd

    def write(self, data: Buffer) -> None:
        """Append all of `data`."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def settle(self) -> None:
        """Make what was written survive power loss, before it has a name."""
        os.fdatasync(self._fd)

    def create(self) -> os.stat_result:
        """Publish unless there is a file: FileExistsError. Durable after the storage's ``flush``."""
        stat = self._stamp()
        try:
            os.link(self._temporary, self._path)
        except OSError as error:
            if error.errno in _NO_LINKS:
                raise Unsupported(
                    f"the disk of {self._directory} cannot create a file exclusively (no hard links)",
                    hint="put the bucket on another disk",
                ) from error
            raise
        return stat

    def replace(self) -> os.stat_result:
        """Publish over what is there; durable on return."""
        stat = self._stamp()
        os.fsync(self._fd)
        os.replace(self._temporary, self._path)
        sync_directory(self._directory)
        return stat

    def _stamp(self) -> os.stat_result:
        """Make the modification time differ from that of any other write, in its digits below a millisecond.

        Inode numbers are used again and the kernel's clock ticks in milliseconds, so without this two writes in one
        tick could look alike. The time stays the one of the disk (on a network disk: the server's).
        """
        before = os.fstat(self._fd)
        os.utime(self._fd, ns=(before.st_atime_ns, before.st_mtime_ns + secrets.randbelow(1_000_000)))
        return os.fstat(self._fd)


@contextmanager
def staged(path: str) -> Iterator[Staged]:
    """A new :class:`Staged`, whose temporary name is removed after the block, whether published or not."""
    temporary = os.path.join(os.path.dirname(path), f"{TEMPORARY_PREFIX}{secrets.token_hex(12)}")
    fd = make_temporary(temporary)
    try:
        yield Staged(path, temporary, fd)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        os.close(fd)


def make_temporary(path: str) -> int:
    """Create a file, and its directory where there is none; open for writing."""
    for _ in range(20):
        try:
            return os.open(path, _FLAGS, 0o666)
        except FileNotFoundError:
            # Missing, or removed as empty by a delete that ran at the same time.
            with suppress(FileNotFoundError):
                os.makedirs(os.path.dirname(path), exist_ok=True)
    return os.open(path, _FLAGS, 0o666)


def sync_directory(directory: str) -> None:
    """Make the names in `directory` survive power loss."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def locked(root: str, *, exclusive: bool) -> Iterator[None]:
    """Hold the bucket's lock: exclusive for conditional writes, shared for others that replace or remove."""
    fd = os.open(os.path.join(root, LOCK_NAME), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield
    finally:
        os.close(fd)


def remove_empty_parents(path: str, root: str) -> None:
    """Remove the directories above `path` that are empty now, up to but without `root`."""
    directory = os.path.dirname(path)
    while len(directory) > len(root):
        try:
            os.rmdir(directory)
        except OSError:
            return  # not empty, or already gone: either way nothing is left to do here
        directory = os.path.dirname(directory)
