"""What is uploaded: directories that are made once and never change, so that a late upload sends what was asked."""

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Size = Literal["small", "many", "large"]
Prints = Mapping[str, str]
"""Path to the SHA-256 of its content."""
_LARGE = 17 << 20
"""More than what goes in one request."""


@dataclass(frozen=True)
class Source:
    """A directory, and what its content is known by."""

    path: str
    mark: str


class Sources:
    """Makes them below `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def make(self, name: str, rng: random.Random, size: Size) -> Source:
        directory = self._root / name
        for path, content in _files(rng, size).items():
            target = directory / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        return Source(str(directory), mark(prints(directory)))


def _files(rng: random.Random, size: Size) -> dict[str, bytes]:
    count = {"small": rng.randint(1, 3), "many": rng.randint(8, 20), "large": 1}[size]
    found = {f"d{number % 3}/f{number}": rng.randbytes(rng.choice((0, 20, 3_000, 60_000))) for number in range(count)}
    found["unique"] = rng.randbytes(16)
    if size == "large":
        found["large.bin"] = rng.randbytes(1 << 16) * (_LARGE >> 16) + rng.randbytes(rng.randint(1, 1 << 20))
    return found


def prints(root: Path, *, without: str = ".wabucket") -> Prints:
    """Of all files below `root`, but for what lies in its directory `without`."""
    found: dict[str, str] = {}
    for path in root.rglob("*"):
        name = path.relative_to(root).as_posix()
        if path.is_file() and name.partition("/")[0] != without:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def mark(found: Prints) -> str:
    """Equal for equal trees."""
    return hashlib.sha256(repr(sorted(found.items())).encode()).hexdigest()[:16]
