"""Journals of killed uploads cut at any byte of the last write, or damaged at any: what ``sync`` makes of them."""

import random
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from tests.faults import invariants, trees
from tests.faults.procs import World
from wabucketref.operations.sync import SyncedRun, sync
from wabucketref.service import frames

REF, OTHER = "dataset/cats:one", "dataset/cats:two"
UPLOAD = ("upload", "src", "-n", "cats", "-t", "dataset", "-a")


@pytest.fixture
def killed(world: World) -> Path:
    """The journal of an upload that was killed once its commit was noted; beside it that of another one.

    It has three records: the run, what to upload, and what became of that.
    """
    trees.make(world.directory / "src", trees.TWO_FILES)
    for alias, run in (("one", "first"), ("two", "second")):
        world.env["WANDB_RUN_ID"] = run
        assert world.run(*UPLOAD, alias, points="journal.appended=kill@3").code == -9
    del world.env["WANDB_RUN_ID"]
    journal = world.home / "journal" / "first.journal"
    assert len(ends(journal.read_bytes())) == 4
    return journal


def ends(data: bytes) -> list[int]:
    """Positions after the magic and after each record."""
    return [len(frames.MAGIC), *(end for end, _ in frames.decode(data, len(frames.MAGIC)))]


def synced(world: World) -> Mapping[str, SyncedRun]:
    with world.open() as workspace:
        return {item.run_id: item for item in sync(workspace).items}


def check(world: World, told: Mapping[str, SyncedRun], *, whole: int) -> None:
    """The run is as far as its `whole` first records go; the other is not touched by it."""
    assert (told["second"].outcome, told["second"].artifacts, told["second"].error) == ("recorded", [OTHER], None)
    first = told["first"]
    found = {run["id"]: run for run in invariants.ended_runs(world)}
    assert found["second"]["outputs"] == [OTHER]
    if whole < 2:
        assert (first.outcome, first.state) == ("recorded", "crashed")
        assert (found["first"]["state"], found["first"]["outputs"]) == ("crashed", [])
    else:
        assert (found["first"]["state"], found["first"]["outputs"]) == ("finished", [REF])
        assert invariants.all_or_nothing(world, REF, trees.TWO_FILES)
    invariants.all_or_nothing(world, REF, trees.TWO_FILES)


def torn(world: World, journal: Path, cuts: Iterable[int]) -> None:
    """Cut the journal at each of these bytes of its last record, and sync."""
    data = journal.read_bytes()
    last = ends(data)
    for cut in cuts:
        for _ in again(world):
            journal.write_bytes(data[: last[-2] + cut])
            told = synced(world)
            check(world, told, whole=len(last) - 2)
            assert told["first"].error is None, "what a kill tears is no damage"
            invariants.settled(world)
            assert synced(world) == {}


def flipped(world: World, journal: Path, places: Iterable[int]) -> None:
    """Damage the journal at each of these bytes, and sync."""
    data = journal.read_bytes()
    for place in places:
        for _ in again(world):
            journal.write_bytes(data[:place] + bytes([data[place] ^ 0x40]) + data[place + 1 :])
            told = synced(world)
            good = max((end for end in ends(data) if end <= place), default=0)
            check(world, told, whole=sum(end <= place for end in ends(data)[1:]))
            aside = journal.with_name(f"first.journal.damaged-{good}")
            assert aside.name in (told["first"].error or ""), "it is not said"
            assert aside.read_bytes()[place - good] == data[place] ^ 0x40
            assert world.journals == [aside.name]


def again(world: World) -> Iterable[None]:
    """One turn, after which the world is as before."""
    kept = world.directory.with_name("kept")
    shutil.copytree(world.directory, kept)
    yield
    shutil.rmtree(world.directory)
    kept.rename(world.directory)


def last_record(journal: Path) -> int:
    """Its size."""
    before, after = ends(journal.read_bytes())[-2:]
    return after - before


@pytest.mark.row("I6")
def test_torn_in_the_last_write(world: World, killed: Path, rng: random.Random) -> None:
    size = last_record(killed)
    torn(world, killed, [0, *rng.sample(range(1, size - 1), 3), size - 1])


@pytest.mark.row("I6")
def test_damaged_anywhere(world: World, killed: Path, rng: random.Random) -> None:
    data = killed.read_bytes()
    flipped(world, killed, [0, ends(data)[1] - 1, *rng.sample(range(len(frames.MAGIC), len(data)), 2)])


@pytest.mark.row("I6")
@pytest.mark.parametrize("content", [b"", b"WB", bytes(400)], ids=["empty", "half a magic", "zeroed"])
def test_nothing_left_of_it(world: World, killed: Path, content: bytes) -> None:
    killed.write_bytes(content)
    told = synced(world)
    check(world, told, whole=0)
    assert (told["first"].error is None) == (len(content) < 8), "never silently empty"


@pytest.mark.row("I6")
def test_looking_mends_nothing(world: World, killed: Path) -> None:
    data = killed.read_bytes()
    killed.write_bytes(data[:-1] + b"\xff")
    before = {path.name: path.read_bytes() for path in killed.parent.iterdir()}
    world.ok("status")
    world.ok("doctor")
    assert {path.name: path.read_bytes() for path in killed.parent.iterdir()} == before


@pytest.mark.row("I6")
def test_a_run_of_whose_journal_only_damage_is_left(world: World, killed: Path) -> None:
    """As when the background service met it first."""
    killed.rename(killed.with_name(f"{killed.name}.damaged-0"))
    told = synced(world)
    check(world, told, whole=0)
    assert "damaged-0" in (told["first"].error or "")
    assert synced(world) == {}
