"""What a listing said of very many objects: in columns, since a million of them must fit into 100 MiB."""

from array import array
from collections.abc import Iterator
from typing import Final

from wabucketref.contracts.storage import ObjectInfo

_NONE: Final = b"\xff"
"""No text has this byte."""


class Index:
    """At which positions of a list a text may be; what the list has there tells."""

    def __init__(self) -> None:
        self._hashes = array("q")
        self._table = array("i", [-1]) * 1024
        """An open hash table of positions; at least half of it is free."""

    def add(self, text: str) -> None:
        """It is at the next position, from 0 on."""
        if 2 * len(self._hashes) >= len(self._table):
            self._table = array("i", [-1]) * (2 * len(self._table))
            for position, value in enumerate(self._hashes):
                self._place(value, position)
        self._place(hash(text), len(self._hashes))
        self._hashes.append(hash(text))

    def find(self, text: str) -> Iterator[int]:
        """In the order in which they were added."""
        wanted, mask = hash(text), len(self._table) - 1
        at = wanted & mask
        while (position := self._table[at]) >= 0:
            if self._hashes[position] == wanted:
                yield position
            at = (at + 1) & mask

    def _place(self, value: int, position: int) -> None:
        mask = len(self._table) - 1
        at = value & mask
        while self._table[at] >= 0:
            at = (at + 1) & mask
        self._table[at] = position


class Objects:
    """Objects below one prefix, by the rest of their key. Filled by one thread; then any may take."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._texts = bytearray()
        """Path, etag and version of each, with zeros between them."""
        self._ends = array("Q")
        self._sizes = array("q")
        self._times = array("d")
        self._taken = bytearray()
        self._index = Index()

    def add(self, info: ObjectInfo) -> None:
        """Take one more object of the prefix in; of one that is listed twice the later facts count."""
        path = info.key[len(self._prefix) :]
        self.take(path)
        self._texts += b"\0".join((path.encode(), _encoded(info.etag), _encoded(info.version)))
        self._index.add(path)
        self._ends.append(len(self._texts))
        self._sizes.append(info.size)
        self._times.append(-1.0 if info.modified is None else info.modified)
        self._taken.append(False)

    def take(self, path: str) -> ObjectInfo | None:
        """The object at `path`, which is not there from now on."""
        position = self._find(path)
        if position is None:
            return None
        self._taken[position] = True
        return self._at(position)

    def __contains__(self, path: str) -> bool:
        """Whether it is there, and nobody took it."""
        return bool(self._sizes) and self._find(path) is not None

    def __iter__(self) -> Iterator[ObjectInfo]:
        """Those that nobody took."""
        return (self._at(position) for position, taken in enumerate(self._taken) if not taken)

    def _find(self, path: str) -> int | None:
        encoded = path.encode()
        for position in self._index.find(path):
            if not self._taken[position] and self._text(position)[0] == encoded:
                return position
        return None

    def _text(self, position: int) -> list[bytes]:
        start = self._ends[position - 1] if position else 0
        return bytes(self._texts[start : self._ends[position]]).split(b"\0")

    def _at(self, position: int) -> ObjectInfo:
        path, etag, version = self._text(position)
        time = self._times[position]
        return ObjectInfo(
            self._prefix + path.decode(),
            self._sizes[position],
            _decoded(etag),
            _decoded(version),
            None if time < 0 else time,
        )


def _encoded(text: str | None) -> bytes:
    return _NONE if text is None else text.encode()


def _decoded(data: bytes) -> str | None:
    return None if data == _NONE else data.decode()
