"""Commands on a disk that has no room for them: what they may do, and that they work once there is room."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults import invariants, trees
from tests.faults.conftest import MakeWorld
from tests.faults.disk import Disk, disk
from tests.faults.procs import Ended, World

REF = "dataset/cats:one"
TREE = {"a.txt": b"alpha\n", "deep/er/b.bin": bytes(range(256)) * 400}
UPLOAD = ("upload", "src", "-n", "cats", "-t", "dataset", "-a", "one")
DOWNLOAD = ("download", REF, "-d", "out")
PAGE = 4096
MANY_INODES = 1000


@dataclass(frozen=True)
class Place:
    """A directory that a command writes to, on a disk of its own."""

    name: str
    command: tuple[str, ...]
    pages: int = 0
    """The least that the command is content with."""
    inodes: int = 0

    def __str__(self) -> str:
        return f"{self.command[0]} with little in {self.name}"


PLACES = (
    Place("bucket", UPLOAD, pages=29, inodes=13),
    Place("home", UPLOAD, pages=67, inodes=6),
    Place("out", DOWNLOAD, pages=26, inodes=8),
    # Rows of several pages, so that each of them needs room.
    Place("home/journal", (*UPLOAD, "-m", f"note={'x' * 9000}")),
)


def worlds(make_world: MakeWorld, place: Place, **limits: int) -> Iterator[tuple[World, Disk]]:
    """A world that has all the command needs, in which `place` is a disk of its own; one turn of a ``for`` loop."""
    world = make_world()
    trees.make(world.directory / "src", TREE)
    if place.command[0] == "download":
        world.ok(*UPLOAD)
    with disk(world.directory / place.name, **limits) as found:
        yield world, found


def too_small(make_world: MakeWorld, place: Place, pages: Sequence[int] = (), inodes: Sequence[int] = ()) -> None:
    """Run the command on disks of these sizes, then give them room."""
    for number in pages:
        for world, found in worlds(make_world, place, size=number * PAGE):
            check(world, place.command, world.run(*place.command))
            found.resize(size=64 << 20)
            check_works(world, place.command)
    for number in inodes:
        for world, found in worlds(make_world, place, inodes=number + 1):
            ended = world.run(*place.command)
            assert "inodes" in ended.err or ended.code in (0, 8), ended
            check(world, place.command, ended)
            found.resize(inodes=MANY_INODES)
            check_works(world, place.command)


def filled_at(make_world: MakeWorld, place: Place, points: Sequence[int]) -> list[int]:
    """Fill the disk at these points of the command, then free it; the exit codes where it ran so far."""
    codes = []
    for number in points:
        for world, found in worlds(make_world, place):
            ended = world.run(*place.command, points=f"*=fill:{found.path}@{number}+", may_miss=True)
            if not found.filled:
                assert ended.code == 0, ended
                continue
            check(world, place.command, ended)
            codes.append(ended.code)
            found.free()
            check_works(world, place.command)
    return codes


def check(world: World, command: tuple[str, ...], ended: Ended) -> None:
    """It did all, or failed for now and left nothing torn; or did all and has yet to be recorded."""
    assert ended.code in (0, 5, 8), ended
    if ended.code == 5:
        invariants.honest(ended)
    check_destination(world, whole=command[0] == "download" and ended.code != 5)


def check_destination(world: World, *, whole: bool) -> None:
    out = world.directory / "out"
    found = {name: content for name, content in seen(out).items() if name != "filler"}
    assert all(TREE[name] == content for name, content in found.items()), "something is torn"
    assert not whole or found == TREE


def seen(out: Path) -> dict[str, bytes]:
    return {name: content for name, content in trees.read(out).items() if content is not None} if out.exists() else {}


def check_works(world: World, command: tuple[str, ...]) -> None:
    """Nothing stands in the way any more, and nothing was lost."""
    synced = world.run("sync")
    assert synced.code == 0, synced
    again = world.run(*command)
    assert again.code == 0, again
    check_destination(world, whole=command[0] == "download")
    invariants.one_version(world, REF, TREE)
    invariants.ended_runs(world)
    invariants.settled(world)


def sample(rng: random.Random, most: int, count: int) -> list[int]:
    """Some of 1 to `most`, the last among them."""
    return [*rng.sample(range(1, most), count - 1), most]
