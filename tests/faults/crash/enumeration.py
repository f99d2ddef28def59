"""Crash-point enumeration: an operation is killed at its first, second, … point, until it ends without being killed.

After each kill a reader looks, then the operation is recovered, and what is there must be what is there without a kill:
nothing lost, nothing doubled, nothing half visible, nothing left behind.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from tests.faults.procs import Ended, World

Kind = Literal["lost", "doubled", "half-visible", "left"]
KINDS: tuple[Kind, ...] = ("lost", "doubled", "half-visible", "left")
Make = Callable[[], World]


@dataclass(frozen=True)
class Trouble:
    """One promise that was not kept."""

    kind: Kind
    what: str


class Operation(Protocol):
    """What is killed, and what must hold then. `number` is that of the point; it chooses among the ways to recover."""

    name: str

    def prepare(self, world: World) -> None:
        """Bring a new world to the state in which the operation begins."""

    def learn(self, before: World, after: World) -> None:
        """See two worlds in which nothing was killed: one before the operation, one after."""

    def carry_out(self, world: World, points: str) -> Ended:
        """The operation, in a process of its own."""

    def look(self, world: World) -> tuple[Any, list[Trouble]]:
        """After a kill, as a reader: what was seen, and what no reader may see."""

    def recover(self, world: World, number: int, points: str) -> Ended:
        """What a user would do now, in one process."""

    def check(self, world: World, number: int, seen: Any) -> Iterator[Trouble]:
        """After the recovery: how the world differs from one in which nothing was killed."""


@dataclass
class Tally:
    """What came out of the kills of one operation."""

    operation: str
    store: str
    points: int
    """How many points the operation passes when nobody kills it."""
    killed: int = 0
    troubles: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, where: str, found: Iterable[Trouble]) -> None:
        self.killed += 1
        for trouble in found:
            self.counts[trouble.kind] += 1
            self.troubles.append(f"killed at {where}: {trouble.kind}: {trouble.what}")

    def __str__(self) -> str:
        counts = " ".join(f"{kind}={self.counts[kind]}" for kind in KINDS)
        return f"{self.operation:<15} {self.store:<6} K={self.points:<3} kills={self.killed:<4} {counts}"


class Enumeration:
    """The kills of one operation on one kind of store."""

    def __init__(self, operation: Operation, store: str, make: Make, keep: Callable[[World], Make] | None) -> None:
        """`make`: a new world. `keep` takes a world and says how to bring it back as it was then; without it every
        world is prepared from the beginning."""
        self._operation = operation
        self._make = make
        self._keep = keep
        before, after = self._prepared(), self._prepared()
        log = after.directory / "points"
        ended = operation.carry_out(after, f"*=log:{log}")
        assert ended.code == 0, ended
        operation.learn(before, after)
        self.passed = log.read_text().split()
        self.tally = Tally(operation.name, store, len(self.passed))
        self._again = keep(before) if keep is not None else self._prepared

    def kill_at(self, numbers: Iterable[int]) -> Tally:
        """Kill at these points, in order; stops at the first that is not passed any more."""
        for number in numbers:
            world = self._again()
            if not self._killed(world, number):
                break
            self.tally.add(self._name(number), self._troubles(world, number))
        return self.tally

    def kill_recovery_at(self, number: int, numbers: Iterable[int]) -> Tally:
        """Kill the operation at the point `number`, and its recovery at each of `numbers`."""
        assert self._keep is not None
        world = self._again()
        assert self._killed(world, number)
        seen, found = self._operation.look(world)
        again = self._keep(world)
        for second in numbers:
            world = again()
            ended = self._operation.recover(world, number, f"*=kill@{second}")
            if ended.code >= 0:
                break
            assert ended.code == -9, ended
            _, later = self._operation.look(world)
            rest = _collected(lambda world=world: self._recovered(world, number, seen))  # type: ignore[misc]
            self.tally.add(f"{self._name(number)} and {second} of the recovery", [*found, *later, *rest])
        return self.tally

    def _prepared(self) -> World:
        world = self._make()
        self._operation.prepare(world)
        return world

    def _killed(self, world: World, number: int) -> bool:
        ended = self._operation.carry_out(world, f"*=kill@{number}")
        if ended.code == -9:
            return True
        assert ended.code == 0, ended
        assert number > self.tally.points * 0.8, f"only {number} of {self.tally.points} points are passed now"
        return False

    def _troubles(self, world: World, number: int) -> list[Trouble]:
        seen, found = self._operation.look(world)
        return [*found, *_collected(lambda: self._recovered(world, number, seen))]

    def _recovered(self, world: World, number: int, seen: Any) -> Iterator[Trouble]:
        ended = self._operation.recover(world, number, "")
        assert ended.code == 0, ended
        yield from self._operation.check(world, number, seen)

    def _name(self, number: int) -> str:
        """Number and, as it was the first time, name of a point; threads may pass theirs in another order."""
        return f"{number} ({self.passed[number - 1] if number <= len(self.passed) else 'new'})"


def _collected(search: Callable[[], Iterator[Trouble]]) -> list[Trouble]:
    """All troubles; a failed assertion ends the search for more."""
    found: list[Trouble] = []
    try:
        found.extend(search())
    except AssertionError as error:
        found.append(Trouble("lost", f"it cannot be recovered: {error}"))
    return found
