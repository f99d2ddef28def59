"""Disks of every size below what a command needs, and filled at every point: what ``tests/faults`` samples.

Run with ``pytest tests/load/disks.py``; takes some minutes.
"""

import pytest

from tests.faults.conftest import MakeWorld, make_world, mounts, place, zygote  # noqa: F401
from tests.faults.shortage import PLACES, Place, filled_at, too_small

pytestmark = [pytest.mark.needs("mounts"), pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.row("I1")
@pytest.mark.parametrize("where", [where for where in PLACES if where.pages], ids=str)
def test_every_size(make_world: MakeWorld, where: Place) -> None:  # noqa: F811
    too_small(make_world, where, pages=range(1, where.pages + 2))


@pytest.mark.row("I2")
@pytest.mark.parametrize("where", [where for where in PLACES if where.inodes], ids=str)
def test_every_number_of_inodes(make_world: MakeWorld, where: Place) -> None:  # noqa: F811
    too_small(make_world, where, inodes=range(1, where.inodes + 2))


@pytest.mark.row("I1")
@pytest.mark.parametrize("where", PLACES, ids=str)
def test_every_point(make_world: MakeWorld, where: Place) -> None:  # noqa: F811
    filled_at(make_world, where, range(1, 60))
