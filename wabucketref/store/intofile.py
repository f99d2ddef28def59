"""A sink that is a place in an open file, where a store can have the kernel put the bytes."""

from collections.abc import Callable

from wabucketref.errors import WaBucketError
from wabucketref.store.localio import local_error, write_at


class IntoFile:
    """Takes pieces, as any sink does, and writes them one behind the other; or is told of what was written for it."""

    __slots__ = ("_moved", "_what", "at", "descriptor")

    def __init__(self, descriptor: int, at: int, moved: Callable[[int], object], what: str) -> None:
        """From `at` on. `moved` is told of the bytes of each piece, and what it raises comes through; `what`: what is
        done here, for the message."""
        self.descriptor = descriptor
        self.at = at
        """Where the next byte goes."""
        self._moved = moved
        self._what = what

    def __call__(self, piece: memoryview) -> None:
        """Raises WaBucketError."""
        try:
            write_at(self.descriptor, piece, self.at)
        except OSError as error:
            raise self.failed(error) from error
        self.wrote(len(piece))

    def wrote(self, count: int) -> None:
        """So many bytes were put there."""
        self.at += count
        self._moved(count)

    def failed(self, error: OSError) -> WaBucketError:
        """The error to raise when putting them there failed."""
        return local_error(error, self._what)
