"""The directory beside the destination in which a download grows until all of it is verified.

Its name holds the digest of the upload, so that a later try of the same download finds what is there already; one of
another upload clears it.
"""

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import (
    Conflict,
    IntegrityError,
    NotAuthorised,
    NotDurable,
    ReplacedWhileReading,
    UsageError,
)
from wabucketref.failpoints import hit
from wabucketref.store.disk.beneath import DIRECTORY
from wabucketref.store.disk.localio import local, sync_file_system
from wabucketref.store.receiving.abandoned import below, beside, clear_others, remove_reserved
from wabucketref.store.receiving.safetree import SafeTree

_POLL = 0.1
_HOPELESS = (IntegrityError, Conflict, UsageError, ReplacedWhileReading, NotDurable)
"""After these a later try could not use what is there."""


@dataclass(frozen=True, slots=True)
class Staging:
    """A locked staging directory."""

    path: str
    tree: SafeTree
    folds_case: bool
    """Whether the disk takes ``A`` and ``a`` for one name."""
    fresh: bool
    """Whether nothing was in it when it was locked."""
    descriptor: int
    """Open since before anything was written, so that it learns of every write that failed."""

    def sync(self) -> None:
        """Make all that was written survive power loss.

        Raises:
            NotDurable: some of it may be lost, and no later sync would tell: a later try begins from nothing.
        """
        try:
            sync_file_system(self.descriptor)
        except OSError as error:
            raise NotDurable(
                f"the disk of {self.path!r} lost what was written to it: {(error.strerror or '').lower()}",
                hint="check the disk, then run the same command again",
            ) from error


def real_destination(destination: str) -> str:
    """Where `destination` really lies; it may be a link itself, or absent.

    Raises:
        UsageError: it is a file.
    """
    real = os.path.realpath(destination)
    if os.path.lexists(real) and not os.path.isdir(real):
        raise UsageError(f"the destination {destination!r} is not a directory", hint="give a directory")
    return real


@contextmanager
def staging(real: str, key: str, cancel: Cancel) -> Iterator[Staging]:
    """The staging directory for `real`, for this process alone; removed at the end unless a later try can use it.

    Raises:
        NotAuthorised: neither the parent of the destination nor the destination can be written to.
    """
    path = _place(real, key)
    descriptor = _locked(path, cancel)
    try:
        hit("download.staging_made")
        clear_others(real, key)
        with closing(SafeTree(descriptor, path)) as tree:
            yield Staging(path, tree, _folds_case(descriptor), not os.listdir(descriptor), descriptor)
    except _HOPELESS:
        _clear(path, real)
        raise
    else:
        _clear(path, real)
    finally:
        os.close(descriptor)


def _place(real: str, key: str) -> str:
    """A sibling of the destination; below it where a sibling would be on another mount or may not be made."""
    (parent, prefix), (inside, prefix_inside) = beside(real), below(real)
    if not os.path.isdir(real):
        with local(f"make the directory {parent!r}"):
            os.makedirs(parent, exist_ok=True)
    elif real == parent or os.path.ismount(real) or not os.access(parent, os.W_OK | os.X_OK, effective_ids=True):
        with local(f"write to {real!r}"):
            os.makedirs(inside, exist_ok=True)
            return os.path.join(inside, prefix_inside + key)
    return os.path.join(parent, prefix + key)


def _locked(path: str, cancel: Cancel) -> int:
    while True:
        with local(f"make the directory {path!r}"):
            try:
                os.mkdir(path, 0o700)
            except FileExistsError:
                hit("download.staging_found")
            try:
                descriptor = os.open(path, DIRECTORY)
            except FileNotFoundError:
                continue
        try:
            _check_owner(descriptor, path)
            _lock(descriptor, cancel)
            if _is_there(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        # Whoever held it has removed it: what is locked now has no name any more.
        os.close(descriptor)


def _check_owner(descriptor: int, path: str) -> None:
    facts = os.fstat(descriptor)
    if facts.st_uid != os.geteuid():
        raise NotAuthorised(f"{path!r} belongs to another user", hint="remove it or choose another destination")
    if stat.S_IMODE(facts.st_mode) & 0o022:
        os.fchmod(descriptor, 0o700)


def _lock(descriptor: int, cancel: Cancel) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            cancel.wait(_POLL)
        else:
            return


def _is_there(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False


def _folds_case(descriptor: int) -> bool:
    name = f"case-{os.getpid()}"
    with local("write beside the destination"):
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=descriptor))
        try:
            os.stat(name.upper(), dir_fd=descriptor)
        except FileNotFoundError:
            return False
        finally:
            os.unlink(name, dir_fd=descriptor)
    return True


def _clear(path: str, real: str) -> None:
    with local(f"remove {path!r}"):
        shutil.rmtree(path)
    remove_reserved(real)
