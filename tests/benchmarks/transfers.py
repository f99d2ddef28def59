"""Transfers to a real S3 server, side by side: every contender in every round, in turns, whole processes."""

import filecmp
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.contenders import Contender, Place, environment
from tests.benchmarks.measure import Measured, measure
from tests.servers import Server
from tests.tools.markdown import ROOT

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Workload:
    """Files of equal size with random content."""

    files: int
    size: int

    @property
    def name(self) -> str:
        return f"{self.files:,} × {_in_words(self.size)}"

    def make(self, directory: Path) -> None:
        """Write the files, up to 1,000 in a directory."""
        for number in range(self.files):
            path = directory / f"{number // 1000:03}" / f"{number:06}.bin"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                for start in range(0, self.size, _BLOCK):
                    file.write(os.urandom(min(_BLOCK, self.size - start)))


@dataclass(frozen=True)
class Result:
    """One transfer."""

    workload: str
    contender: str
    direction: str
    measured: Measured


def workloads(scale: float) -> list[Workload]:
    """Many small files and one big one; at scale 1 10,000 × 16 KiB and 1 × 2 GiB."""
    big = max(_BLOCK, int((2 << 30) * scale) // _BLOCK * _BLOCK)
    return [Workload(max(1, int(10_000 * scale)), 16 << 10), Workload(1, big)]


def compare(
    server: Server,
    work: Path,
    contenders: Sequence[Contender],
    loads: Sequence[Workload],
    rounds: int,
    tell: Callable[[str], None],
) -> Iterator[Result]:
    """Measure everything; what was copied is compared and removed each time."""
    for load in loads:
        source = work / "source"
        load.make(source)
        for turn in range(rounds):
            first = turn % len(contenders)
            for contender in [*contenders[first:], *contenders[:first]]:
                for result in _there_and_back(server, work, source, contender, load, check=turn == 0):
                    tell(f"{load.name:>18}  {result.direction:<4}  {contender.name:<14} {result.measured.wall:7.2f} s")
                    yield result
        shutil.rmtree(source)


def _there_and_back(
    server: Server, work: Path, source: Path, contender: Contender, load: Workload, *, check: bool
) -> Iterator[Result]:
    bucket = server.make_bucket()
    target = work / "target"
    target.mkdir()
    environ = environment(server, os.environ, work / "home") | {"PYTHONPATH": str(ROOT)}
    try:
        os.sync()
        up = measure(contender.up(Place(source, bucket, "data")), environ, work)
        yield Result(load.name, contender.name, "up", up)
        os.sync()
        down = measure(contender.down(Place(target, bucket, "data")), environ, work)
        yield Result(load.name, contender.name, "down", down)
        if check and (difference := first_difference(source, target)):
            raise AssertionError(f"{contender.name}: {difference} differs after {load.name}")
    finally:
        shutil.rmtree(target)
        shutil.rmtree(work / "home", ignore_errors=True)
        if server.directory is not None:
            shutil.rmtree(server.directory / bucket, ignore_errors=True)


def first_difference(source: Path, target: Path) -> str | None:
    """The first file of `source` that is missing or different in `target`."""
    for path in sorted(source.rglob("*")):
        other = target / path.relative_to(source)
        if path.is_file() and not (other.is_file() and filecmp.cmp(path, other, shallow=False)):
            return str(path.relative_to(source))
    return None


def _in_words(size: int) -> str:
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} B"
