"""The entries of a committed upload, found by digest or by path: a few bytes of memory each, the rest in a spool."""

import json
import threading
from array import array
from collections.abc import Callable, Iterable
from typing import Final

from blake3 import blake3

from wabucketref.model.manifest import Entry
from wabucketref.store.entries import encode_line
from wabucketref.store.spool import Spool

_MEMORY: Final = 8 << 20
_OFFSET_BITS: Final = 40
_OFFSET: Final = (1 << _OFFSET_BITS) - 1
_SIZES: Final = 1 << 16


class EntryIndex:
    """Thread-safe; to be closed."""

    def __init__(self, entries: Iterable[Entry], count: int) -> None:
        """Takes all of `entries`, of which there are `count`, so that they are checked to the end."""
        slots = 1 << max(4, (2 * count).bit_length())
        self._digests, self._paths = array("Q", bytes(8 * slots)), array("Q", bytes(8 * slots))
        self._mask = slots - 1
        self._sizes = bytearray(_SIZES)
        self._lock = threading.Lock()
        self._spool = Spool(_MEMORY)
        try:
            self._fill(entries)
        except BaseException:
            self.close()
            raise

    def _fill(self, entries: Iterable[Entry]) -> None:
        end = 0
        for entry in entries:
            if entry.type != "file" or entry.etag is None:
                continue  # what the store said nothing of cannot be recognised later
            self._put(self._paths, _mark(entry.path), end)
            self._put(self._digests, _mark(entry.digest), end, entry.digest)
            self._sizes[hash(entry.size) % _SIZES] = 1
            self._spool.seek(end)
            end += self._spool.write(encode_line(entry))

    def may_have(self, size: int) -> bool:
        """False when no file has this size."""
        return bool(self._sizes[hash(size) % _SIZES])

    def with_digest(self, digest: str) -> Entry | None:
        """A file of this digest."""
        return self._get(self._digests, _mark(digest), lambda entry: entry.digest == digest)

    def at(self, path: str) -> Entry | None:
        """The file at this path."""
        return self._get(self._paths, _mark(path), lambda entry: entry.path == path)

    def close(self) -> None:
        """Idempotent."""
        with self._lock:
            self._spool.close()

    def _put(self, table: "array[int]", mark: int, offset: int, digest: str | None = None) -> None:
        """Note what begins at `offset`, unless one with this `digest` is noted."""
        slot = mark & self._mask
        while value := table[slot]:
            if digest and value >> _OFFSET_BITS == mark >> _OFFSET_BITS and self._read(value).digest == digest:
                return
            slot = (slot + 1) & self._mask
        table[slot] = mark >> _OFFSET_BITS << _OFFSET_BITS | (offset + 1)

    def _get(self, table: "array[int]", mark: int, wanted: Callable[[Entry], bool]) -> Entry | None:
        slot = mark & self._mask
        while value := table[slot]:
            if value >> _OFFSET_BITS == mark >> _OFFSET_BITS:
                with self._lock:
                    entry = self._read(value)
                if wanted(entry):
                    return entry
            slot = (slot + 1) & self._mask
        return None

    def _read(self, value: int) -> Entry:
        self._spool.seek((value & _OFFSET) - 1)
        found = json.loads(self._spool.readline())
        return Entry(found["path"], found["size"], found["digest"], "file", found["etag"], found.get("version"))


def _mark(text: str) -> int:
    return int.from_bytes(blake3(text.encode()).digest(8), "big")
