"""What is transferred: trees of files with random content."""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = 1 << 20
_KIB, _MIB, _GIB = 1 << 10, 1 << 20, 1 << 30


@dataclass(frozen=True)
class Workload:
    """Files of one size, or (`size` 0) a mixed tree of about that many: most small, most bytes in a few large ones."""

    files: int
    size: int
    delay_ms: int = 0
    """Time that the server lets pass before each answer."""

    @property
    def name(self) -> str:
        if not self.size:
            return f"mixed tree of {self.files:,} files"
        delay = f", {self.delay_ms} ms a request" if self.delay_ms else ""
        return f"{self.files:,} × {in_words(self.size)}{delay}"

    def make(self, directory: Path) -> None:
        """Write the files, up to 1,000 in a directory."""
        for number, size in enumerate(self._sizes()):
            path = directory / f"{number // 1000:03}" / f"{number:06}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                for start in range(0, size, _BLOCK):
                    file.write(os.urandom(min(_BLOCK, size - start)))

    def change_one(self, directory: Path) -> None:
        """Give one file, neither the first nor the last, other bytes of the same length."""
        paths = sorted(path for path in directory.rglob("*") if path.is_file())
        with paths[len(paths) // 2].open("r+b") as file:
            file.write(os.urandom(16))

    def _sizes(self) -> Iterator[int]:
        if self.size:
            yield from [self.size] * self.files
            return
        drawn = random.Random(1)  # the same tree each time
        for number in range(self.files):
            yield 64 * _MIB if number % 400 == 7 else int(drawn.lognormvariate(9, 2)) % (8 * _MIB)


def workloads(scale: float) -> list[Workload]:
    """At scale 1: 1 × 2 GiB, 200 × 4 MiB, 10,000 × 16 KiB, a mixed tree, and 1,000 × 4 KiB at 20 ms a request."""
    big = max(_MIB, int(2 * _GIB * scale) // _MIB * _MIB)

    def files(full: int) -> int:
        return max(1, int(full * scale))

    return [
        Workload(1, big),
        Workload(files(200), 4 * _MIB),
        Workload(files(10_000), 16 * _KIB),
        Workload(files(2_000), 0),
        Workload(files(1_000), 4 * _KIB, delay_ms=20),
    ]


def in_words(size: int) -> str:
    for unit, name in ((_GIB, "GiB"), (_MIB, "MiB"), (_KIB, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit:,} {name}"
    return f"{size} B"
