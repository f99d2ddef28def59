"""Reading the files of a source, and noticing when one changes under our hands."""

import errno
import os
import stat
from collections.abc import Iterator
from functools import partial
from types import TracebackType

from wabucketref.errors import SourceChanged, UsageError
from wabucketref.store.disk.beneath import READ, open_directory
from wabucketref.store.disk.directories import Directories
from wabucketref.store.disk.localio import local, local_error
from wabucketref.store.source.tree import Found


class Source:
    """An open source directory. Thread-safe; close it after use."""

    def __init__(self, root: str) -> None:
        with local(f"read {root!r}"):
            self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._directories = Directories(partial(open_directory, self._root))

    def __enter__(self) -> "Source":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._directories.close()
        os.close(self._root)

    def open(self, found: Found) -> "OpenFile":
        """The file, to be used as a context manager. It must still be the one that the scan found.

        Raises:
            SourceChanged: it is not, or was not any more when the block ended.
            UsageError: a symbolic link took its place, or that of a directory above.
        """
        above, _, name = found.place.rpartition("/")
        try:
            with self._directories.at(above) as directory:
                descriptor = os.open(name, READ, dir_fd=directory)
        except OSError as error:
            raise _open_error(error, found) from error
        return OpenFile(descriptor, found)


class OpenFile:
    """One file being read."""

    __slots__ = ("_descriptor", "_found")

    def __init__(self, descriptor: int, found: Found) -> None:
        self._descriptor = descriptor
        self._found = found

    def __enter__(self) -> "OpenFile":
        try:
            self.check()
        except BaseException:
            os.close(self._descriptor)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.check()
        finally:
            os.close(self._descriptor)

    def check(self) -> None:
        """Compare the file with what the scan saw.

        Raises:
            SourceChanged: they differ.
        """
        facts = os.fstat(self._descriptor)
        now = (facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, facts.st_dev)
        then = self._found
        if now != (then.size, then.mtime_ns, then.ctime_ns, then.inode, then.device) or not stat.S_ISREG(facts.st_mode):
            raise _changed(self._found)

    def read(self, start: int, size: int) -> bytes:
        """Exactly `size` bytes from `start`.

        Raises:
            SourceChanged: the file ends before.
        """
        pieces: list[bytes] = []
        with local(f"read {self._found.path!r}"):
            while size and (piece := os.pread(self._descriptor, size, start)):
                pieces.append(piece)
                start, size = start + len(piece), size - len(piece)
        if size:
            raise _changed(self._found)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def read_into(self, start: int, view: memoryview) -> None:
        """Fill `view` with the bytes from `start`. Raises as :meth:`read`."""
        with local(f"read {self._found.path!r}"):
            while view and (count := os.preadv(self._descriptor, [view], start)):
                view, start = view[count:], start + count
        if view:
            raise _changed(self._found)

    def pieces(self, size: int) -> Iterator[bytes]:
        """The whole file in pieces of at most `size` bytes."""
        for start in range(0, self._found.size, size):
            yield self.read(start, min(size, self._found.size - start))


def _changed(found: Found) -> SourceChanged:
    return SourceChanged(
        f"{found.path!r} was changed while it was read", hint="upload again once nothing writes to the source"
    )


def _open_error(error: OSError, found: Found) -> Exception:
    if error.errno == errno.ELOOP:
        return UsageError(f"{found.path!r} became a symbolic link after it was looked at", hint="upload again")
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENXIO):
        return _changed(found)
    return local_error(error, f"read {found.path!r}")
