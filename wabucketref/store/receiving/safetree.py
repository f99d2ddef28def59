"""A directory that is written to by descriptors only: no name in it, however chosen, leads out of it."""

import errno
import os
import shutil
import stat
from contextlib import suppress
from functools import partial

from wabucketref.errors import Conflict, IntegrityError
from wabucketref.store.disk.beneath import DIRECTORY, READ
from wabucketref.store.disk.directories import Directories, Use
from wabucketref.store.disk.localio import local

_CREATE = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class SafeTree:
    """The tree below an open directory. Thread-safe; the caller closes it, and the descriptor.

    Every method raises IntegrityError for a symbolic link where a directory or file must be, Conflict for a file where
    a directory must be or the other way round, and what ``local`` makes of an OSError.
    """

    def __init__(self, descriptor: int, name: str) -> None:
        self._root = descriptor
        self._name = name
        self._there = Directories(partial(self._descend, make=False))
        self._made = Directories(partial(self._descend, make=True))

    def close(self) -> None:
        """Close what was kept open below the directory; idempotent."""
        self._there.close()
        self._made.close()

    def look(self, path: str) -> os.stat_result | None:
        """The facts of the regular file at `path`, None when there is nothing."""
        facts = self._facts(path)
        if facts is not None and not stat.S_ISREG(facts.st_mode):
            raise self._in_the_way(path, facts, "file")
        return facts

    def check_directory(self, path: str) -> None:
        """Refuse `path` when anything but a directory is there."""
        facts = self._facts(path)
        if facts is not None and not stat.S_ISDIR(facts.st_mode):
            raise self._in_the_way(path, facts, "directory")

    def make_directory(self, path: str) -> None:
        """Make the directory `path` and those above; it may be there."""
        with local(f"make the directory {path!r} in {self._name!r}"):
            os.close(self._descend(path, make=True))

    def open_read(self, path: str) -> int:
        """A descriptor to read the file; the caller closes it."""
        parent, name = self._parent(path, make=False)
        with local(f"read {path!r} in {self._name!r}"), parent as above:
            return os.open(name, READ, dir_fd=above)

    def create(self, path: str) -> int:
        """A descriptor to read and write the file, made if absent; the caller closes it."""
        parent, name = self._parent(path, make=True)
        with local(f"write {path!r} in {self._name!r}"), parent as above:
            return os.open(name, _CREATE, 0o666, dir_fd=above)

    def remove(self, path: str) -> None:
        """Remove the file; it may be gone."""
        parent, name = self._parent(path, make=False)
        with local(f"remove {path!r} in {self._name!r}"), suppress(FileNotFoundError), parent as above:
            os.unlink(name, dir_fd=above)

    def take_in(self, other: "SafeTree", path: str) -> None:
        """Move the file `path` of `other` to the same path here, in the place of a file that is there."""
        self.look(path)
        (there, name), (here, _) = other._parent(path, make=False), self._parent(path, make=True)
        with local(f"write {path!r} in {self._name!r}"), there as source, here as above:
            try:
                os.replace(name, name, src_dir_fd=source, dst_dir_fd=above)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                _copy_over(source, above, name)

    def _facts(self, path: str) -> os.stat_result | None:
        with local(f"look at {path!r} in {self._name!r}"):
            try:
                parent, name = self._parent(path, make=False)
                with parent as above:
                    return os.stat(name, dir_fd=above, follow_symlinks=False)
            except FileNotFoundError:
                return None

    def _parent(self, path: str, *, make: bool) -> tuple[Use, str]:
        above, _, name = path.rpartition("/")
        return (self._made if make else self._there).at(above), name

    def _descend(self, path: str, *, make: bool) -> int:
        current = os.dup(self._root)
        done = ""
        for part in path.split("/") if path else ():
            done = f"{done}/{part}" if done else part
            try:
                below = self._step(current, part, done, make)
            finally:
                os.close(current)
            current = below
        return current

    def _step(self, above: int, name: str, path: str, make: bool) -> int:
        try:
            return os.open(name, DIRECTORY, dir_fd=above)
        except FileNotFoundError:
            if not make:
                raise
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            facts = os.stat(name, dir_fd=above, follow_symlinks=False)
            raise self._in_the_way(path, facts, "directory") from error
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=above)
        return self._step(above, name, path, make=False)

    def _in_the_way(self, path: str, facts: os.stat_result, wanted: str) -> IntegrityError | Conflict:
        if stat.S_ISLNK(facts.st_mode):
            return IntegrityError(
                f"{path!r} in {self._name!r} is a symbolic link where a {wanted} of the artifact must be",
                hint="links in a destination are never followed; remove it or choose another directory",
            )
        kind = "a directory" if stat.S_ISDIR(facts.st_mode) else "a file"
        kind = kind if stat.S_ISDIR(facts.st_mode) or stat.S_ISREG(facts.st_mode) else "a special file"
        return Conflict(
            f"{path!r} in {self._name!r} is {kind} where a {wanted} of the artifact must be",
            hint="move it away or choose another directory",
        )


def _copy_over(source: int, target: int, name: str) -> None:
    """Replace across a mount point: copy beside the target first, since only a rename is seen all at once."""
    part = f".wabucket-{os.getpid()}-{os.urandom(4).hex()}"
    made = os.open(part, _CREATE | os.O_EXCL, 0o666, dir_fd=target)
    try:
        with os.fdopen(os.open(name, READ, dir_fd=source), "rb") as there, os.fdopen(made, "wb") as here:
            shutil.copyfileobj(there, here, 1 << 20)
            here.flush()
            os.fsync(here.fileno())
        os.replace(part, name, src_dir_fd=target, dst_dir_fd=target)
    except BaseException:
        os.unlink(part, dir_fd=target)
        raise
    os.unlink(name, dir_fd=source)
