"""What a scan found, in columns: a million files must not become a million objects."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import nlargest
from typing import Final

_MANY: Final = 10_000


@dataclass(frozen=True, slots=True)
class Found:
    """One file or empty directory to upload."""

    path: str
    """Inside the artifact."""
    place: str
    """Below the source root on disk, free of symbolic links; may hold surrogate escapes."""
    size: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    inode: int = 0
    device: int = 0
    directory: bool = False


class Tree:
    """Everything found below a source, in order of path."""

    def __init__(self, root: str) -> None:
        self.root = root
        """Absolute directory below which the places lie."""
        self.bytes = 0
        self.files = 0
        self._paths = bytearray()
        self._ends = array("Q")
        self._signed = array("q")
        self._unsigned = array("Q")
        self._places: dict[int, str] = {}
        self._order: array[int] | None = None

    def add(self, found: Found) -> None:
        if found.place != found.path:
            self._places[len(self._ends)] = found.place
        self._paths += found.path.encode()
        self._ends.append(len(self._paths))
        self._signed.extend((-1 if found.directory else found.size, found.mtime_ns, found.ctime_ns))
        self._unsigned.extend((found.inode, found.device))
        if not found.directory:
            self.files += 1
            self.bytes += found.size
        self._order = None

    def paths(self) -> Iterator[str]:
        """All paths in order; a directory's ends with ``/``."""
        return (found.path + "/" * found.directory for found in self)

    def largest(self, above: int) -> list[Found]:
        """The files of more than `above` bytes, the largest first; of very many only the first."""
        sizes = self._signed[::3]
        large = (index for index, size in enumerate(sizes) if size > above)
        return [self._at(index) for index in nlargest(_MANY, large, key=sizes.__getitem__)]

    def __len__(self) -> int:
        return len(self._ends)

    def __iter__(self) -> Iterator[Found]:
        if self._order is None:
            # UTF-8 keeps the order of code points, so the bytes need not become texts.
            self._order = array("I", sorted(range(len(self._ends)), key=self._path))
        return map(self._at, self._order)

    def _path(self, index: int) -> bytes:
        return bytes(self._paths[self._ends[index - 1] if index else 0 : self._ends[index]])

    def _at(self, index: int) -> Found:
        path = self._path(index).decode()
        size, mtime, ctime = self._signed[3 * index : 3 * index + 3]
        inode, device = self._unsigned[2 * index : 2 * index + 2]
        return Found(path, self._places.get(index, path), max(size, 0), mtime, ctime, inode, device, size < 0)
