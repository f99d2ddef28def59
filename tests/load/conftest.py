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

__all__ = ["enumerate_points", "flaky", "make_world", "mounts", "place", "serve", "tally_of", "world", "zygote"]
