"""Transfers side by side: every contender in every round, in turns, whole processes, the same steps of the work."""

import filecmp
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.benchmarks.contenders import STEPS, Contender, Place, Step, environment
from tests.benchmarks.measure import Measured, measure
from tests.benchmarks.server import Target
from tests.benchmarks.workloads import Workload

_TRASH: Final = "trash"
_MANY: Final = 1000


@dataclass(frozen=True)
class Result:
    """One step of one contender."""

    section: str
    """Of the report: what kind of server, or comparison."""
    workload: str
    contender: str
    step: Step
    measured: Measured
    server_cpu: float
    """Processor seconds that the server used meanwhile."""


@dataclass(frozen=True)
class Course:
    """What is compared with what: a section of the report."""

    section: str
    target: Target
    contenders: Sequence[Contender]
    steps: Sequence[Step] = STEPS


def compare(
    course: Course, work: Path, loads: Sequence[Workload], rounds: int, tell: Callable[[str], None]
) -> Iterator[Result]:
    """Measure everything, what is slow only once; what was copied is compared and removed each time."""
    for load in loads:
        source = work / "source"
        load.make(source)
        for turn in range(rounds):
            first = turn % len(course.contenders)
            for contender in [*course.contenders[first:], *course.contenders[:first]]:
                if turn and contender.slow:
                    continue
                for result in _steps(course, work, source, contender, load):
                    wall = f"{result.measured.wall:7.2f} s"
                    tell(f"{course.section:>10}  {load.name:>18}  {result.step:<20}  {contender.name:<20} {wall}")
                    yield result
        _put_away(source, load)
    shutil.rmtree(work / _TRASH, ignore_errors=True)


def _put_away(directory: Path, load: Workload) -> None:
    """Removed, or if it holds very many files left until the end: for minutes after their removal ext4 looks for free
    inodes past each of them, which costs whoever makes files next more than the transfer."""
    if load.files > _MANY and directory.exists():
        trash = directory.with_name(_TRASH)
        trash.mkdir(exist_ok=True)
        directory.rename(trash / os.urandom(8).hex())
    else:
        shutil.rmtree(directory, ignore_errors=True)


def _steps(course: Course, work: Path, source: Path, contender: Contender, load: Workload) -> Iterator[Result]:
    bucket, name = course.target.new_bucket(), f"data-{os.urandom(4).hex()}"
    own, target = work / "own", work / "target"
    place = Place(source, target, bucket, name, own)
    environ = environment(course.target, os.environ, work / "home")
    own.mkdir()
    target.mkdir()
    try:
        if (command := contender.prepare(place)) is not None:
            subprocess.run(command, env=environ, cwd=own, check=True, capture_output=True, timeout=600)
        for step in course.steps:
            command = contender.command(step, place)
            if command is None:
                continue
            if step == "up, one file changed":
                load.change_one(source)
            os.sync()
            before = course.target.cpu()
            measured = measure(command, environ, work)
            yield Result(course.section, load.name, contender.name, step, measured, course.target.cpu() - before)
            if step == "down" and (difference := first_difference(source, _found(target, contender, own))):
                raise AssertionError(f"{contender.name}: {difference} differs after {load.name}")
    finally:
        for directory in (own, target, work / "home"):
            _put_away(directory, load)
        course.target.clear(bucket)


def _found(target: Path, contender: Contender, own: Path) -> Path:
    """Where the files came down to: some tools choose a place of their own."""
    for place in (own / "data", target / "data"):
        if place.is_dir():
            return place
    return target


def first_difference(source: Path, target: Path) -> str | None:
    """The first file of `source` that is missing or different in `target`."""
    for path in sorted(source.rglob("*")):
        other = target / path.relative_to(source)
        if path.is_file() and not (other.is_file() and filecmp.cmp(path, other, shallow=False)):
            return str(path.relative_to(source))
    return None
