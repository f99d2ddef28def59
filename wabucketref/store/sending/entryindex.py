"""The entries of a committed upload, found by digest or by path: a few bytes of memory each, the rest in a spool."""

import threading
from array import array
from collections.abc import Callable, Iterable
from typing import Final

from wabucketref.model.manifest import Entry
from wabucketref.store.disk.spool import Spool
from wabucketref.store.format.entries import decode_line, encode_line

_MEMORY: Final = 8 << 20
_OFFSET_BITS: Final = 40
_OFFSET: Final = (1 << _OFFSET_BITS) - 1
_MARK: Final = (1 << 64) - 1
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
        self._lines = bytearray()
        """The first ones; those that do not fit are in the spool."""
        self._rest: Spool | None = None
        self._end = 0
        try:
            self._fill(entries)
        except BaseException:
            self.close()
            raise

    def _fill(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            if entry.type != "file" or entry.etag is None:
                continue  # what the store said nothing of cannot be recognised later
            self._put(self._paths, hash(entry.path) & _MARK, self._end)
            self._put(self._digests, hash(entry.digest) & _MARK, self._end, entry.digest)
            self._sizes[hash(entry.size) % _SIZES] = 1
            self._append(encode_line(entry))

    def _append(self, line: bytes) -> None:
        if self._rest is None and self._end + len(line) > _MEMORY:
            self._rest = Spool(1)
        if self._rest is None:
            self._lines += line
        else:
            self._rest.seek(self._end - len(self._lines))
            self._rest.write(line)
        self._end += len(line)

    def may_have(self, size: int) -> bool:
        """False when no file has this size."""
        return bool(self._sizes[hash(size) % _SIZES])

    def with_digest(self, digest: str) -> Entry | None:
        """A file of this digest."""
        return self._get(self._digests, hash(digest) & _MARK, lambda entry: entry.digest == digest)

    def at(self, path: str) -> Entry | None:
        """The file at this path."""
        return self._get(self._paths, hash(path) & _MARK, lambda entry: entry.path == path)

    def close(self) -> None:
        """Idempotent."""
        with self._lock:
            if self._rest is not None:
                self._rest.close()

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
                entry = self._read(value)
                if wanted(entry):
                    return entry
            slot = (slot + 1) & self._mask
        return None

    def _read(self, value: int) -> Entry:
        start = (value & _OFFSET) - 1
        if start < len(self._lines):
            return decode_line(bytes(self._lines[start : self._lines.index(b"\n", start)]))
        assert self._rest is not None
        with self._lock:
            self._rest.seek(start - len(self._lines))
            return decode_line(self._rest.readline())
