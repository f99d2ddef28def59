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
from collections.abc import Iterator
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
        self._growing = threading.Lock()
        self._writable = True
        self._descriptor, self._bits = -1, 0
        self._open_files: list[int] = []
        """Those that were outgrown too: another thread may be at it, and the number of a closed one comes back."""
        with self._harmless():
            self._open()

    def get(self, key: bytes, facts: bytes) -> bytes | None:
        """The 32 bytes stored for `key` with the very same `facts`."""
        name, bucket = self._place(key)
        try:
            block = os.pread(self._descriptor, _BUCKET_BYTES, bucket)
        except OSError:
            return None
        start = _find(block, name)
        if start < 0:
            return None
        _, check, digest, used = _RECORD.unpack_from(block, start)
        if check != _check(key, facts, digest):
            return None
        if self._now - used > _FRESH_SECONDS:
            with self._harmless():
                self._write(bucket + start, name, check, digest)
        return bytes(digest)

    def put(self, key: bytes, facts: bytes, digest: bytes) -> None:
        """Store 32 bytes, in the place of what is stored for `key`."""
        if not self._writable:
            return
        name, bucket = self._place(key)
        with self._harmless():
            while (slot := self._slot(bucket, name)) < 0:
                self._grow()
                name, bucket = self._place(key)
            self._write(bucket + slot, name, _check(key, facts, digest), digest)

    def reserve(self, records: int) -> None:
        """Make room for so many, which costs less than to grow in steps."""
        with self._harmless():
            while self._writable and self._bits < self._max_bits and (2 << self._bits) < records:
                self._grow()

    def close(self) -> None:
        """Idempotent."""
        self._descriptor, self._writable = -1, False
        while self._open_files:
            os.close(self._open_files.pop())

    def _place(self, key: bytes) -> tuple[bytes, int]:
        """The name of a key in records, and where its bucket begins. The first bucket is the file's header."""
        name = blake3(key).digest(8)
        if name == _NONE:
            name = b"\1" + name[1:]
        number = int.from_bytes(name, "big") >> (64 - self._bits)
        return name, (number + 1) * _BUCKET_BYTES

    def _slot(self, bucket: int, name: bytes) -> int:
        """Where in the bucket a record goes; -1 when the table should grow first."""
        block = os.pread(self._descriptor, _BUCKET_BYTES, bucket).ljust(_BUCKET_BYTES, b"\0")
        for wanted in (name, _NONE):
            if (slot := _find(block, wanted)) >= 0:
                return slot
        if self._bits < self._max_bits:
            return -1
        used = [_RECORD.unpack_from(block, start)[3] for start in range(0, _BUCKET_BYTES, _RECORD.size)]
        return used.index(min(used)) * _RECORD.size

    def _write(self, offset: int, name: bytes, check: bytes, digest: bytes) -> None:
        if self._writable:
            os.pwrite(self._descriptor, _RECORD.pack(name, check, digest, self._now), offset)

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


def _find(block: bytes, name: bytes) -> int:
    """Where in a bucket the record of this name begins, -1 when there is none."""
    start = block.find(name)
    while start % _RECORD.size and start >= 0:
        start = block.find(name, start + 1)
    return start


def _bytes(bits: int) -> int:
    return ((1 << bits) + 1) * _BUCKET_BYTES


def _check(key: bytes, facts: bytes, digest: bytes) -> bytes:
    return blake3(facts + digest + key).digest(16)
