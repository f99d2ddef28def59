"""A sink that is a place in an open file, where a store can have the kernel put the bytes."""

import os
import threading
from collections.abc import Callable
from typing import Final

from wabucketref.errors import WaBucketError
from wabucketref.store.disk.localio import local, local_error, write_at
from wabucketref.store.engine.limits import Buffers
from wabucketref.store.format.digest import Digest

_PIECE: Final = 256 << 10
"""Bytes that are read back at once: what the processor has near itself."""


class IntoFile:
    """Takes pieces, as any sink does, and writes them one behind the other; or is told of what was written for it."""

    __slots__ = ("_moved", "_what", "at", "descriptor", "turn")

    def __init__(
        self,
        descriptor: int,
        at: int,
        moved: Callable[[int], object],
        what: str,
        turn: "threading.Lock | None" = None,
    ) -> None:
        """From `at` on. `moved` is told of the bytes of each piece, and what it raises comes through; `what`: what is
        done here, for the message. `turn`: shared by all that write to the file at the same time."""
        self.descriptor = descriptor
        self.at = at
        """Where the next byte goes."""
        self.turn = turn or threading.Lock()
        """Held by who writes. The kernel lets one at a time write to a file, and whoever waits there spins."""
        self._moved = moved
        self._what = what

    def __call__(self, piece: memoryview) -> None:
        """Raises WaBucketError."""
        try:
            with self.turn:
                write_at(self.descriptor, piece, self.at)
        except OSError as error:
            raise self.failed(error) from error
        self._advance(len(piece))

    def wrote(self, count: int) -> None:
        """So many bytes were put there. Raises WaBucketError."""
        self._advance(count)

    def failed(self, error: OSError) -> WaBucketError:
        """The error to raise when putting them there failed."""
        return local_error(error, self._what)

    def _advance(self, count: int) -> None:
        self.at += count
        self._moved(count)


class HashedIntoFile(IntoFile):
    """Hashes besides what it writes; what was written for it, out of the file, while the processor still has it."""

    __slots__ = ("_buffers", "_digest")

    def __init__(
        self, descriptor: int, moved: Callable[[int], object], what: str, digest: Digest, buffers: Buffers
    ) -> None:
        """From the beginning on. `descriptor`: open for reading, too."""
        super().__init__(descriptor, 0, moved, what)
        self._digest = digest
        self._buffers = buffers

    def __call__(self, piece: memoryview) -> None:
        self._digest.update(piece)
        super().__call__(piece)

    def wrote(self, count: int) -> None:
        start, end = self.at, self.at + count
        with self._buffers.of(_PIECE) as buffer, local(self._what):
            while start < end:
                read = os.preadv(self.descriptor, [buffer[: end - start]], start)
                if not read:
                    break  # cut off by somebody else: the digest will tell
                self._digest.update(buffer[:read])
                start += read
        self._advance(count)
