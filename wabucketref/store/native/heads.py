"""The heads of answers, as HTTP/1.1 has them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

HEAD_BYTES: Final = 64 << 10
"""Of a head, at most."""
_DIGITS: Final = 18
"""Of a number of bytes, at most."""


class NotHttp(Exception):
    """What came is no answer of an HTTP server."""


@dataclass(slots=True)
class Head:
    """Status and headers, by lower-case names."""

    status: int
    reason: str
    headers: Mapping[str, str]
    length: int | None
    """Bytes of the body; None: in chunks, or to the end of the connection."""


def check_beginning(of: bytes | memoryview) -> None:
    """Raises NotHttp: this is not how an answer begins, or too long for a head that has not ended."""
    if len(of) >= 5 and of[:5] != b"HTTP/":
        raise NotHttp(f"it begins with {bytes(of[:20])!r}")
    if len(of) >= HEAD_BYTES:
        raise NotHttp("its head has no end")


def parsed(text: bytes) -> Head:
    """The head of an answer, from its text without the empty line. Raises NotHttp."""
    first, *lines = text.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    status, _, reason = rest.partition(" ")
    if not version.startswith("HTTP/1.") or len(status) != 3 or not status.isdecimal():
        raise NotHttp(f"it begins with {first[:40]!r}")
    headers: dict[str, str] = {}
    for line in lines:
        name, mark, value = line.partition(":")
        if not mark:
            raise NotHttp(f"a header without a colon: {line[:40]!r}")
        headers[name.lower()] = value.strip()
    length = headers.get("content-length")
    if length is not None and not (length.isdecimal() and len(length) <= _DIGITS):
        raise NotHttp(f"a body of {length[:20]!r} bytes")
    if length is None or "transfer-encoding" in headers:
        return Head(int(status), reason, headers, None)
    return Head(int(status), reason, headers, int(length))
