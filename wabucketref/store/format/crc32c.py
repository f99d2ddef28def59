"""CRC32C, which Google's stores tell of each object and which stores of S3's protocol check; by the processor's own
instruction where it has one, so that it costs a twentieth of MD5."""

import base64
import warnings
from collections.abc import Callable
from functools import cache
from typing import Final

from wabucketref.contracts.storage import Buffer

_PIECE: Final = 64 << 10
"""Bytes that the library is handed at a time. It takes nothing but ``bytes``, so they are copied, in pieces that stay
near the processor."""


@cache
def _extend() -> Callable[[int, bytes], int] | None:
    """The library's function; None where only its version in Python is to be had, a thousand times as slow."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import google_crc32c
        except ImportError:
            return None
    return google_crc32c.extend if google_crc32c.implementation == "c" else None


def available() -> bool:
    """Whether it can be computed fast."""
    return _extend() is not None


def crc32c(data: Buffer, before: int = 0) -> int:
    """The CRC32C of `data`, or of all bytes up to it, whose first have the one `before`. Only where available."""
    extend = _extend()
    assert extend is not None
    if isinstance(data, bytes):
        return extend(before, data)
    view = memoryview(data)
    for start in range(0, len(view), _PIECE):
        before = extend(before, bytes(view[start : start + _PIECE]))
    return before


def encoded(value: int) -> str:
    """As stores write it: base64 of four bytes, the highest first."""
    return base64.b64encode(value.to_bytes(4, "big")).decode()
