"""Disks of every size below what a command needs, filled at every point; power lost at every call; journals damaged at
every byte: what ``tests/faults`` samples. Takes some minutes.
"""

import random
from pathlib import Path

import pytest

from tests.faults.conftest import MakeWorld
from tests.faults.losing import COMMANDS, losses
from tests.faults.procs import World
from tests.faults.shortage import PLACES, Place, filled_at, too_small
from tests.faults.test_journal_damage import flipped, last_record, torn

pytestmark = [pytest.mark.needs("mounts"), pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.row("I1")
@pytest.mark.parametrize("where", [where for where in PLACES if where.pages], ids=str)
def test_every_size(make_world: MakeWorld, where: Place) -> None:
    too_small(make_world, where, pages=range(1, where.pages + 2))


@pytest.mark.row("I2")
@pytest.mark.parametrize("where", [where for where in PLACES if where.inodes], ids=str)
def test_every_number_of_inodes(make_world: MakeWorld, where: Place) -> None:
    too_small(make_world, where, inodes=range(1, where.inodes + 2))


@pytest.mark.row("I1")
@pytest.mark.parametrize("where", PLACES, ids=str)
def test_every_point(make_world: MakeWorld, where: Place) -> None:
    filled_at(make_world, where, range(1, 60))


@pytest.mark.needs("strace")
@pytest.mark.row("I5")
@pytest.mark.parametrize("strict", [True, False], ids=["strict", "ordered"])
@pytest.mark.parametrize("command", COMMANDS)
def test_the_power_fails_at_every_call(
    make_world: MakeWorld,
    command: str,
    strict: bool,
    rng: random.Random,
) -> None:
    def places(calls: int) -> list[tuple[int, random.Random | None]]:
        return [(number, left) for number in range(calls + 1) for left in (None, rng)]

    losses(make_world(), command, places, strict=strict)


@pytest.mark.row("I6")
def test_torn_at_every_byte(world: World, killed: Path) -> None:
    torn(world, killed, range(last_record(killed)))


@pytest.mark.row("I6")
def test_damaged_at_every_byte(world: World, killed: Path) -> None:
    data = killed.read_bytes()
    version = (6, 7)  # another version is no damage
    flipped(world, killed, [at for at in range(len(data)) if at not in version])
