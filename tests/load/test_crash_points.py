"""Every point of every operation on every store; on a local disk also every pair of a point and one of the recovery."""

import random

import pytest

from tests.faults.crash.commands import Command, Download, Overwrite, Upload
from tests.faults.crash.sessions import Session
from tests.faults.crash.stores import OPERATIONS, UPKEEP, Enumerate, on_stores

MANY = 1000
PAIRED = (Upload, Overwrite, Download, Session)
STRIDE = 5
"""Of the points of a recovery; the seed says where it starts, so that all come by in time."""


@pytest.mark.row("K1")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("operation", "store"), on_stores((*OPERATIONS, *UPKEEP)))
def test_every_point(enumerate_points: Enumerate, operation: type[Command], store: str) -> None:
    found = enumerate_points(operation, store)
    tally = found.kill_at(range(1, MANY))
    assert not tally.troubles
    assert tally.killed >= found.tally.points * 0.8


@pytest.mark.row("K1")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("operation", PAIRED, ids=lambda operation: operation.name)
def test_pairs(enumerate_points: Enumerate, operation: type[Command], seed: int) -> None:
    found = enumerate_points(operation, "local")
    found.tally.operation += " (pairs)"
    rng = random.Random(f"{seed} {operation.name}")
    for number in range(1, int(found.tally.points * 0.8)):
        found.kill_recovery_at(number, range(1 + rng.randrange(STRIDE), MANY, STRIDE))
    assert not found.tally.troubles
