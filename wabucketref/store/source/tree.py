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
        self._paths: list[str] = []
        self._signed = array("q")
        self._unsigned = array("Q")
        self._places: dict[str, str] = {}
        self._order: list[int] | None = None

    def add(self, found: Found) -> None:
        self._paths.append(found.path)
        self._signed.extend((-1 if found.directory else found.size, found.mtime_ns, found.ctime_ns))
        self._unsigned.extend((found.inode, found.device))
        if found.place != found.path:
            self._places[found.path] = found.place
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
        return len(self._paths)

    def __iter__(self) -> Iterator[Found]:
        if self._order is None:
            self._order = sorted(range(len(self._paths)), key=self._paths.__getitem__)
        return map(self._at, self._order)

    def _at(self, index: int) -> Found:
        path = self._paths[index]
        size, mtime, ctime = self._signed[3 * index : 3 * index + 3]
        inode, device = self._unsigned[2 * index : 2 * index + 2]
        return Found(path, self._places.get(path, path), max(size, 0), mtime, ctime, inode, device, size < 0)
