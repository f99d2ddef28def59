"""The parts of one large file: fetched by several requests at once, written in place, hashed in order behind them.

A piece goes to its place in the file as it comes and is forgotten. Each part is hashed out of the page cache, which
costs the same copy as keeping it in memory until its turn would. Where a request for one part is soon over, the next
ones are for several: each costs time in which nothing comes.
"""

import os
import threading
import time
from collections import deque
from concurrent.futures import Future
from functools import partial
from queue import Empty, SimpleQueue
from typing import Final

from wabucketref.contracts.storage import Storage
from wabucketref.failpoints import hit
from wabucketref.model.manifest import Entry
from wabucketref.store.disk.intofile import IntoFile
from wabucketref.store.disk.localio import begin_writing, local, preallocate
from wabucketref.store.engine.limits import HELD_BYTES
from wabucketref.store.engine.pool import Crew
from wabucketref.store.engine.shown import Shown
from wabucketref.store.format.digest import Digest

AHEAD: Final = 16
"""Parts of one file that are begun, and not all before them landed, at most."""
_TOGETHER: Final = 4
"""Parts that one request asks for, at most."""
_FAST: Final = 128 << 20
"""Bytes a second of one request, from which on it asks for more than one part."""
_LONG: Final = 0.01
"""Seconds in which a piece is there unless the network is waited for, or one request stands still."""
_PIECE: Final = 1 << 20


class _Part:
    """A part of the file that was asked for."""

    __slots__ = ("_error", "count", "hashed", "here", "size", "start")

    def __init__(self, start: int, size: int) -> None:
        self.start = start
        self.size = size
        self.here = self.hashed = 0
        """Bytes that landed until now, and that are in the digest."""
        self.count: int | None = None
        """Bytes that landed, once no more will."""
        self._error: BaseException | None = None

    @property
    def done(self) -> bool:
        return self.count is not None or self._error is not None

    def fail(self, error: BaseException) -> None:
        self._error = error

    def result(self) -> int:
        """Bytes that landed, less than it has only where the object ends. Raises what the request raised."""
        if self._error is not None:
            raise self._error
        return self.count or 0


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
        self._flying: deque[_Part] = deque()
        self._requests: list[Future[None]] = []
        self._news = SimpleQueue[None]()
        """Something for each piece and part that landed, and each request that ended."""
        self._ahead = 0
        self._together = 1
        """Parts to ask for at once."""
        self._waits = False
        """Whether the network was seen to be the limit, and not the processor."""
        self._turn = threading.Lock()

    def run(self) -> int:
        """Fetch what is missing; returns the length that the file has then.

        Raises:
            NotFound: there is no such object.
        """
        try:
            landed = self._continue()
            while landed < self._entry.size:
                part = self._land()
                count = part.result()
                self._hash(part, count)
                landed += count
                hit("download.range")
                if count != part.size:
                    break
        finally:
            for request in self._requests:
                if not request.cancel():
                    request.exception()
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
        self._hash(_Part(0, whole), whole)
        self._shown.advance(whole)
        return whole

    def _land(self) -> _Part:
        """The next in order, once it is there. What comes of it is hashed meanwhile, and others take off."""
        while True:
            self._fill_up()
            part = self._flying[0]
            if part.done:
                return self._flying.popleft()
            if part.here - part.hashed >= _PIECE:
                self._hash(part, part.here)
            else:
                self._wait()

    def _wait(self) -> None:
        """Until something landed or ended."""
        try:
            self._news.get(timeout=None if self._waits else _LONG)
        except Empty:
            self._waits = True

    def _fill_up(self) -> None:
        """Have as many under way as are of use."""
        while self._ahead < self._entry.size and self._take_off():
            pass

    def _take_off(self) -> bool:
        """Begin to fetch what is next; wait for memory only while nothing flies, or two files could wait for each
        other."""
        if not self._flying:
            held: int | None = self._crew.budget.acquire(self._held(), self._crew.check)
        elif len(self._flying) < AHEAD and self._under_way() < self._wanted():
            held = self._crew.budget.try_acquire(self._held())
        else:
            held = None
        if held is None:
            return False
        parts = self._next_parts()
        self._flying += parts
        request = self._crew.piece(partial(self._fetch, parts))
        request.add_done_callback(lambda _: self._ended(held))
        self._requests.append(request)
        return True

    def _wanted(self) -> int:
        """How many requests to have under way. One of the threads that are of use is that which hashes, if it does."""
        wanted = self._crew.streams.wanted
        return wanted if self._waits else max(1, wanted - 1)

    def _held(self) -> int:
        return min(HELD_BYTES, self._crew.limits.part_size, self._entry.size - self._ahead)

    def _ended(self, held: int) -> None:
        self._crew.budget.release(held)
        self._news.put(None)

    def _under_way(self) -> int:
        self._requests = [request for request in self._requests if not request.done()]
        return len(self._requests)

    def _next_parts(self) -> list[_Part]:
        """What the next request asks for: not so much that the others had too little left."""
        step, wanted = self._crew.limits.part_size, self._wanted()
        left = -(-(self._entry.size - self._ahead) // step)
        most = min(self._together, AHEAD - len(self._flying), AHEAD // (2 * wanted), left // wanted)
        parts = []
        for _ in range(max(1, most)):
            parts.append(_Part(self._ahead, min(step, self._entry.size - self._ahead)))
            self._ahead += parts[-1].size
        return parts

    def _fetch(self, parts: list[_Part]) -> None:
        """One request; what is wrong with it is told to the first part that did not land."""
        coming = deque(parts)
        try:
            self._crew.check()
            begun = time.monotonic()
            count = self._read(coming, parts[0].start, sum(part.size for part in parts))
            fast = count >= _FAST * (time.monotonic() - begun)
            self._together = _TOGETHER if fast else 1
        except BaseException as error:
            if coming:
                coming[0].fail(error)

    def _read(self, coming: deque[_Part], start: int, size: int) -> int:
        def moved(count: int) -> None:
            self._shown.advance(count)
            self._crew.check()
            while coming and into.at >= coming[0].start + coming[0].size:
                self._landed(coming, coming[0].size)
            if coming:
                part, before = coming[0], coming[0].here
                part.here = into.at - part.start
                if part.here // _PIECE > before // _PIECE:
                    self._news.put(None)

        into = IntoFile(self._descriptor, start, moved, f"write {self._entry.path!r}", self._turn)
        count = self._storage.read_to(self._key, start, size, into)
        if coming:
            self._landed(coming, max(0, start + count - coming[0].start))
        return count

    def _landed(self, coming: deque[_Part], count: int) -> None:
        """All of the next part is there, or `count` bytes and then nothing."""
        part = coming.popleft()
        begin_writing(self._descriptor, part.start, count)
        self._crew.streamed(part.size)
        part.count = count
        self._news.put(None)

    def _hash(self, part: _Part, end: int) -> None:
        """Up to `end` of it."""
        if not self._entry.digest:
            return
        with self._crew.buffers.of(_PIECE) as buffer, local(f"read {self._entry.path!r}"):
            while part.hashed < end:
                self._crew.check()
                count = os.preadv(self._descriptor, [buffer[: end - part.hashed]], part.start + part.hashed)
                if not count:
                    return  # cut off by somebody else: the digest will tell
                self._digest.update(buffer[:count])
                part.hashed += count
                self._fill_up()
