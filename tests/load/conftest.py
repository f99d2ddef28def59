"""The worlds of the fault tests, and how long the soak lasts."""

import pytest

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


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak-seconds", type=float, default=600.0, help="how long the soak lasts (default: 600)")


@pytest.fixture
def soak_seconds(request: pytest.FixtureRequest) -> float:
    return float(request.config.option.soak_seconds)
