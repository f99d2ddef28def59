"""The worlds of the fault tests."""

from tests.faults.conftest import (
    enumerate_points,
    flaky,
    make_world,
    mounts,
    place,
    serve,
    tally_of,
    world,
    zygote,
)
from tests.faults.test_journal_damage import killed

__all__ = [
    "enumerate_points",
    "flaky",
    "killed",
    "make_world",
    "mounts",
    "place",
    "serve",
    "tally_of",
    "world",
    "zygote",
]
