"""The ranges of one large file: fetched by several requests at once, written in place, hashed in order behind them.

A piece goes to its place in the file as it comes and is forgotten. What comes before its turn is hashed out of the page
cache, which costs the same copy as keeping it in memory would.
"""

import os
import threading
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from typing import Final, NamedTuple

from wabucketref.contracts.storage import Storage
from wabucketref.failpoints import hit
from wabucketref.model.manifest import Entry
from wabucketref.store.digest import Digest
from wabucketref.store.intofile import IntoFile
from wabucketref.store.limits import HELD_BYTES
from wabucketref.store.localio import begin_writing, local, preallocate
from wabucketref.store.pool import Crew
from wabucketref.store.shown import Shown

AHEAD: Final = 16
"""Ranges of one file that are begun, and not all before them landed, at most."""
_PIECE: Final = 1 << 20


class _Flight(NamedTuple):
    future: Future[int]
    start: int
    size: int


class Ranges:
    """One try to fetch a file into `descriptor`."""

    def __init__(
        self, storage: Storage, key: str, entry: Entry, descriptor: int, crew: Crew, shown: Shown, digest: Digest
    ) -> None:
        """`digest` takes all bytes of the file, in order."""
        self._storage = storage
        self._key = key
        self._entry = entry
        self._descriptor = descriptor
        self._crew = crew
        self._shown = shown
        self._digest = digest
        self._flying: deque[_Flight] = deque()
        self._ahead = 0
        self._turn = threading.Lock()

    def run(self) -> int:
        """Fetch what is missing; returns the length that the file has then.

        Raises:
            NotFound: there is no such object.
        """
        try:
            landed = self._continue()
            while landed < self._entry.size:
                flight = self._land()
                count = flight.future.result()
                self._hash(flight.start, count)
                landed += count
                hit("download.range")
                if count != flight.size:
                    break
        finally:
            for flight in self._flying:
                if not flight.future.cancel():
                    flight.future.exception()
        return landed

    def _continue(self) -> int:
        """Where to go on: what an earlier try wrote is whole save for the ranges that were under way, which are the
        last of those that there are. Hashes what is whole."""
        step, size = self._crew.limits.part_size, os.fstat(self._descriptor).st_size
        whole = max(0, -(-size // step) - AHEAD) * step
        if size > self._entry.size or not self._entry.digest:
            whole = 0
        with local(f"write {self._entry.path!r}"):
            if whole < size:
                os.ftruncate(self._descriptor, whole)
            preallocate(self._descriptor, self._entry.size)
        self._ahead = whole
        self._hash(0, whole)
        self._shown.advance(whole)
        return whole

    def _land(self) -> _Flight:
        """The next in order, once it is over. Others take off meanwhile."""
        while True:
            self._fill_up()
            if self._flying[0].future.done():
                return self._flying.popleft()
            wait([flight.future for flight in self._flying if not flight.future.done()], None, FIRST_COMPLETED)

    def _fill_up(self) -> None:
        """Have as many under way as are of use."""
        while self._ahead < self._entry.size and self._take_off():
            pass

    def _take_off(self) -> bool:
        """Begin to fetch the next range; wait for memory only while nothing flies, or two files could wait for each
        other."""
        size = min(self._crew.limits.part_size, self._entry.size - self._ahead)
        if not self._flying:
            held: int | None = self._crew.budget.acquire(min(HELD_BYTES, size), self._crew.check)
        elif len(self._flying) < AHEAD and self._under_way() < self._crew.streams.wanted:
            held = self._crew.budget.try_acquire(min(HELD_BYTES, size))
        else:
            held = None
        if held is None:
            return False
        future = self._crew.piece(partial(self._range, self._ahead, size))
        future.add_done_callback(lambda _: self._crew.budget.release(held))
        self._flying.append(_Flight(future, self._ahead, size))
        self._ahead += size
        return True

    def _under_way(self) -> int:
        return sum(not flight.future.done() for flight in self._flying)

    def _range(self, start: int, size: int) -> int:
        check, advance = self._crew.check, self._shown.advance

        def moved(count: int) -> None:
            advance(count)
            check()

        check()
        into = IntoFile(self._descriptor, start, moved, f"write {self._entry.path!r}", self._turn)
        count = self._storage.read_to(self._key, start, size, into)
        begin_writing(self._descriptor, start, count)
        self._crew.streamed(size)
        return count

    def _hash(self, start: int, size: int) -> None:
        if not self._entry.digest:
            return
        with self._crew.buffers.of(_PIECE) as buffer, local(f"read {self._entry.path!r}"):
            while size:
                self._crew.check()
                count = os.preadv(self._descriptor, [buffer[:size]], start)
                if not count:
                    return  # cut off by somebody else: the digest will tell
                self._digest.update(buffer[:count])
                self._fill_up()
                start, size = start + count, size - count
