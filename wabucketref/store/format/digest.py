"""Digests: BLAKE3 over bytes, and the manifest digest over everything that identifies an upload."""

import base64
import hashlib
from collections.abc import Iterable
from struct import Struct
from typing import ClassVar, Final

from blake3 import blake3

from wabucketref.model.manifest import DIGEST_PREFIX, Entry

_MAGIC: Final = b"wabucketref manifest 1\n"
_LENGTH = Struct(">I")
_SIZE = Struct(">Q")


class Digest:
    """A digest being computed; takes bytes in order."""

    __slots__ = ("_state",)

    def __init__(self) -> None:
        self._state = blake3()

    def update(self, data: bytes | memoryview) -> None:
        self._state.update(data)

    def value(self) -> str:
        """``blake3:`` and 64 hex digits."""
        return DIGEST_PREFIX + self._state.hexdigest()


class Md5:
    """As :class:`Digest`, where another program chose MD5."""

    __slots__ = ("_state",)
    PREFIX: ClassVar = "md5:"

    def __init__(self) -> None:
        self._state = hashlib.md5(usedforsecurity=False)

    def update(self, data: bytes | memoryview) -> None:
        self._state.update(data)

    def hex(self) -> str:
        return self._state.hexdigest()

    def value(self) -> str:
        """``md5:`` and base64."""
        return self.PREFIX + base64.b64encode(self._state.digest()).decode()


def digest_like(digest: str) -> Digest | Md5:
    """A new digest of the kind of `digest`."""
    return Md5() if digest.startswith(Md5.PREFIX) else Digest()


def digest_of(data: bytes | memoryview | Iterable[bytes]) -> str:
    """The digest of `data`, whole or in pieces."""
    found = Digest()
    for piece in (data,) if isinstance(data, bytes | memoryview) else data:
        found.update(piece)
    return found.value()


class ManifestDigest:
    """The manifest digest, fed entry by entry in order of path.

    Covers type, name, alias and every (path, size, digest) and empty directory. Texts carry their length, so no two
    different manifests give the same bytes.
    """

    def __init__(self, type: str, name: str, alias: str) -> None:
        self._digest = Digest()
        self._digest.update(_MAGIC)
        for text in (type, name, alias):
            self._digest.update(_framed(text))

    def add(self, entry: Entry) -> None:
        if entry.type == "directory":
            self._digest.update(b"D" + _framed(entry.path))
            return
        raw = bytes.fromhex(entry.digest[len(DIGEST_PREFIX) :])
        self._digest.update(b"F" + _framed(entry.path) + _SIZE.pack(entry.size) + raw)

    def value(self) -> str:
        return self._digest.value()


def _framed(text: str) -> bytes:
    encoded = text.encode()
    return _LENGTH.pack(len(encoded)) + encoded
