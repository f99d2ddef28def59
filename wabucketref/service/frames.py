"""Framing of the journal file: what makes a torn or damaged tail recognisable.

The file starts with :data:`MAGIC`; then one frame a record: length and CRC-32 of the payload, both 32-bit
little-endian, then the payload. A frame counts only when it is whole and its checksum fits, so a file cut or damaged
anywhere reads as its undamaged beginning.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Final

MAGIC: Final = b"WBJRNL1\n"
MAX_PAYLOAD: Final = 64 << 20

_HEAD = struct.Struct("<II")
HEAD_BYTES: Final = _HEAD.size


def encode(payload: bytes) -> bytes:
    """One frame around `payload` (1 byte to 64 MiB)."""
    if not 0 < len(payload) <= MAX_PAYLOAD:
        raise ValueError(f"a frame holds 1 to {MAX_PAYLOAD} bytes, not {len(payload)}")
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def decode(data: bytes | memoryview, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """The whole, undamaged frames of `data` from `start`: pairs of (position after the frame, payload).

    Ends silently at the first frame that is not whole or not undamaged.
    """
    view = memoryview(data)
    position = start
    while position + HEAD_BYTES <= len(view):
        length, checksum = _HEAD.unpack_from(view, position)
        end = position + HEAD_BYTES + length
        if not 0 < length <= MAX_PAYLOAD or end > len(view):
            return
        payload = bytes(view[position + HEAD_BYTES : end])
        if zlib.crc32(payload) != checksum:
            return
        position = end
        yield position, payload


def needed(head: bytes) -> int:
    """How many bytes the frame beginning with `head` has in all; 0 when `head` cannot begin a frame."""
    if len(head) < HEAD_BYTES:
        return HEAD_BYTES
    length, _ = _HEAD.unpack_from(head)
    return HEAD_BYTES + int(length) if 0 < length <= MAX_PAYLOAD else 0
