"""Framing of the journal file: what makes a torn or damaged tail recognisable.

The file starts with :data:`MAGIC`; then one frame a record: length of the payload, its CRC-32, and the CRC-32 of
these two, all 32-bit little-endian, then the payload. A frame counts only when it is whole and its checksums fit, so a
file cut or damaged anywhere reads as its undamaged beginning. The head has a checksum of its own so that a damaged
length is not taken for a frame that a kill cut short, with everything after it dropped as if never written.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Final

MAGIC: Final = b"WBJRNL1\n"
MAX_PAYLOAD: Final = 64 << 20

_FIELDS = struct.Struct("<II")
_HEAD = struct.Struct("<III")
HEAD_BYTES: Final = _HEAD.size


def encode(payload: bytes) -> bytes:
    """One frame around `payload` (1 byte to 64 MiB)."""
    if not 0 < len(payload) <= MAX_PAYLOAD:
        raise ValueError(f"a frame holds 1 to {MAX_PAYLOAD} bytes, not {len(payload)}")
    fields = _FIELDS.pack(len(payload), zlib.crc32(payload))
    return fields + zlib.crc32(fields).to_bytes(4, "little") + payload


def decode(data: bytes, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """The whole, undamaged frames of `data` from `start`: pairs of (position after the frame, payload).

    Ends silently at the first frame that is not whole or not undamaged.
    """
    size = len(data)
    position = start
    while position + HEAD_BYTES <= size:
        length, checksum = _head(data, position)
        end = position + HEAD_BYTES + length
        if not length or end > size:
            return
        payload = data[position + HEAD_BYTES : end]
        if zlib.crc32(payload) != checksum:
            return
        position = end
        yield position, payload


def needed(head: bytes) -> int:
    """How many bytes the frame beginning with `head` has in all; 0 when `head` cannot begin a frame."""
    if len(head) < HEAD_BYTES:
        return HEAD_BYTES
    length, _ = _head(head, 0)
    return HEAD_BYTES + length if length else 0


def _head(data: bytes, position: int) -> tuple[int, int]:
    """Length and checksum of the payload; length 0 when no frame begins here."""
    length, checksum, own = _HEAD.unpack_from(data, position)
    whole = own == zlib.crc32(data[position : position + _FIELDS.size]) and length <= MAX_PAYLOAD
    return (length, checksum) if whole else (0, 0)
