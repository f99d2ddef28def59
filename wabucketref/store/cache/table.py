"""A table of digests in one file of bounded size, shared by all processes without locks.

It is a cache as processors have them: a key may lie in one of few slots, and the one not used for longest makes room.
Each record carries a check over all that it says, and over what the caller says of the file beside it. So a torn write,
a flipped bit, a lost write or two writers at one slot make a record that is not found; none can make one that is wrong.
"""

import logging
import os
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from struct import Struct
from typing import Final

from blake3 import blake3

_MAGIC: Final = b"wabucketref digests 1\n"
_HEADER: Final = Struct("<22sB")
_RECORD: Final = Struct("<8s16s32sI4x")
_SLOTS: Final = 8
_BUCKET_BYTES: Final = _SLOTS * _RECORD.size
_FIRST_BITS: Final = 10
MAX_BITS: Final = 18
"""Of the number of buckets: 2 million records in 128 MiB."""
_BATCH: Final = 16_384
"""Records that may wait to be written."""
_FLUSH_SECONDS: Final = 5.0
_WINDOW: Final = 128
"""Buckets that are read and written at once, where most of them change."""
MAX_BYTES: Final = ((1 << MAX_BITS) + 1) * _BUCKET_BYTES
_FRESH_SECONDS: Final = 86400
"""A record is marked as used at most once a day."""
_NONE: Final = bytes(8)
_log = logging.getLogger(__name__)


class DigestTable:
    """Digests by key, as long as the facts that they were stored with are the same. Thread-safe.

    Nothing is raised: a table that cannot be read finds nothing, one that cannot be written forgets.
    """

    def __init__(self, path: Path, *, max_bits: int = MAX_BITS) -> None:
        self._path = path
        self._max_bits = max_bits
        self._now = int(time.time())
        self._pending: dict[bytes, bytes] = {}
        """Records by name that are not in the file yet."""
        self._due = time.monotonic() + _FLUSH_SECONDS
        self._flushing = threading.Lock()
        self._growing = threading.Lock()
        self._writable = True
        self._descriptor, self._bits = -1, 0
        self._open_files: list[int] = []
        """Those that were outgrown too: another thread may be at it, and the number of a closed one comes back."""
        with self._harmless():
            self._open()

    def get(self, key: bytes, facts: bytes) -> bytes | None:
        """The 32 bytes stored for `key` with the very same `facts`."""
        name = _name(key)
        record = self._pending.get(name) or self._read(name)
        if record is None:
            return None
        _, check, digest, used = _RECORD.unpack(record)
        if check != _check(key, facts, digest):
            return None
        if self._now - used > _FRESH_SECONDS:
            self._note(name, check, digest)
        return bytes(digest)

    def put(self, key: bytes, facts: bytes, digest: bytes) -> None:
        """Store 32 bytes, in the place of what is stored for `key`; in the file within some seconds."""
        self._note(_name(key), _check(key, facts, digest), digest)

    def reserve(self, records: int) -> None:
        """Make room for so many, which costs less than to grow in steps."""
        with self._harmless():
            while self._writable and self._bits < self._max_bits and (2 << self._bits) < records:
                self._grow()

    def close(self) -> None:
        """Idempotent."""
        self._flush()
        self._descriptor, self._writable = -1, False
        while self._open_files:
            os.close(self._open_files.pop())

    def _note(self, name: bytes, check: bytes, digest: bytes) -> None:
        if not self._writable:
            return
        self._pending[name] = _RECORD.pack(name, check, digest, self._now)
        if len(self._pending) >= _BATCH or time.monotonic() > self._due:
            self._flush()

    def _read(self, name: bytes) -> bytes | None:
        try:
            block = os.pread(self._descriptor, _BUCKET_BYTES, self._bucket(name))
        except OSError:
            return None
        start = _find(block, name, 0, len(block))
        return block[start : start + _RECORD.size] if start >= 0 else None

    def _bucket(self, name: bytes) -> int:
        """Where the bucket of a name begins. The first one of the file is its header."""
        return ((int.from_bytes(name, "big") >> (64 - self._bits)) + 1) * _BUCKET_BYTES

    def _flush(self) -> None:
        """Write what waits. A record that another thread adds meanwhile may be forgotten."""
        with self._flushing, self._harmless():
            pending, self._pending = self._pending, {}
            self._due = time.monotonic() + _FLUSH_SECONDS
            records = sorted(pending.values())
            done = 0
            while self._writable and (done := self._write(records, done)) < len(records):
                self._grow()

    def _write(self, records: Sequence[bytes], done: int) -> int:
        """Write those after the first `done`, in order of buckets: many of them through large windows. Returns how
        many are done when it stops, at a bucket that is full while the table can grow."""
        size = _BUCKET_BYTES * (_WINDOW if len(records) >= 1 << max(self._bits - 4, 0) else 1)
        start, window = 0, bytearray()
        for record in records[done:]:
            bucket = self._bucket(record[:8])
            if not start <= bucket < start + len(window):
                os.pwrite(self._descriptor, window, start)
                start = bucket - (bucket - _BUCKET_BYTES) % size
                end = min(start + size, _bytes(self._bits))
                window = bytearray(os.pread(self._descriptor, end - start, start).ljust(end - start, b"\0"))
            slot = self._slot(window, bucket - start, record[:8])
            if slot < 0:
                break
            window[slot : slot + _RECORD.size] = record
            done += 1
        os.pwrite(self._descriptor, window, start)
        return done

    def _slot(self, window: bytearray, bucket: int, name: bytes) -> int:
        """Where in the window a record of the bucket goes; -1 when the table should grow first."""
        end = bucket + _BUCKET_BYTES
        for wanted in (name, _NONE):
            if (slot := _find(window, wanted, bucket, end)) >= 0:
                return slot
        if self._bits < self._max_bits:
            return -1
        starts = range(bucket, end, _RECORD.size)
        return min(starts, key=lambda start: int(_RECORD.unpack_from(window, start)[3]))

    @contextmanager
    def _harmless(self) -> Iterator[None]:
        """A full or read-only disk ends the writing."""
        try:
            yield
        except OSError as error:
            if self._writable:
                _log.info("digests are not remembered in %s: %s", self._path, error.strerror)
            self._writable = False

    def _open(self) -> None:
        try:
            self._take(os.open(self._path, os.O_RDWR | os.O_CLOEXEC))
        except FileNotFoundError:
            self._create()
        except PermissionError:
            self._writable = False
            self._take(os.open(self._path, os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            self._take(os.open(self._path, os.O_RDONLY | os.O_CLOEXEC))
            raise  # a disk that is read-only
        if self._descriptor < 0:
            _log.warning("the digests remembered in %s are damaged: thrown away, files are hashed anew", self._path)
            self._create()

    def _take(self, descriptor: int) -> None:
        """Use the open file, unless it is no table."""
        head = os.pread(descriptor, _HEADER.size, 0)
        if len(head) == _HEADER.size:
            magic, bits = _HEADER.unpack(head)
            size = os.fstat(descriptor).st_size
            if magic == _MAGIC and 0 < bits <= MAX_BITS and size == _bytes(bits):
                self._open_files.append(descriptor)
                self._descriptor, self._bits = descriptor, bits
                return
        os.close(descriptor)

    def _create(self) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        bits = min(_FIRST_BITS, self._max_bits)
        with self._replaced(bits):
            pass

    @contextmanager
    def _replaced(self, bits: int) -> Iterator[int]:
        """A new file, which is used from now on, and by the processes that come, once the block has filled it."""
        part = self._path.with_name(f"{self._path.name}-{secrets.token_hex(6)}")
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(descriptor, _HEADER.pack(_MAGIC, bits), 0)
            os.ftruncate(descriptor, _bytes(bits))
            yield descriptor
            os.replace(part, self._path)
        except BaseException:
            os.close(descriptor)
            with suppress(OSError):
                os.unlink(part)
            raise
        self._open_files.append(descriptor)
        self._descriptor, self._bits = descriptor, bits

    def _grow(self) -> None:
        """Twice as many buckets: the records of each go to it or to the next one, so both files are gone through once.
        What other threads and processes write meanwhile may be forgotten."""
        bits = self._bits
        with self._growing:
            if self._bits != bits or bits >= self._max_bits:
                return
            with self._replaced(bits + 1) as target:
                step = _BUCKET_BYTES << 8
                for start in range(_BUCKET_BYTES, _bytes(bits), step):
                    block = os.pread(self._descriptor, min(step, _bytes(bits) - start), start)
                    if block.strip(b"\0"):
                        os.pwrite(target, _split(block, bits), 2 * start - _BUCKET_BYTES)


def _split(block: bytes, bits: int) -> bytes:
    """The buckets of `block` as twice as many, by the next bit of their names."""
    out = bytearray(2 * len(block))
    for start in range(0, len(block), _BUCKET_BYTES):
        ends = [2 * start, 2 * start + _BUCKET_BYTES]
        for record in range(start, start + _BUCKET_BYTES, _RECORD.size):
            name = block[record : record + 8]
            if name != _NONE and name:
                upper = int.from_bytes(name, "big") >> (63 - bits) & 1
                out[ends[upper] : ends[upper] + _RECORD.size] = block[record : record + _RECORD.size]
                ends[upper] += _RECORD.size
    return bytes(out)


def _name(key: bytes) -> bytes:
    """What stands for a key in records."""
    name = blake3(key).digest(8)
    return name if name != _NONE else b"\1" + name[1:]


def _find(block: bytes | bytearray, name: bytes, start: int, end: int) -> int:
    """Where between `start` and `end` the record of this name begins, -1 when there is none."""
    found = block.find(name, start, end)
    while found >= 0 and found % _RECORD.size:
        found = block.find(name, found + 1, end)
    return found


def _bytes(bits: int) -> int:
    return ((1 << bits) + 1) * _BUCKET_BYTES


def _check(key: bytes, facts: bytes, digest: bytes) -> bytes:
    return blake3(facts + digest + key).digest(16)
