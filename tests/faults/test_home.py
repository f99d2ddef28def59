"""Processes that share one home, in a small form; ``tests/load/test_home.py`` has the whole."""

from typing import Any

import pytest

from tests.faults.procs import World
from tests.load.home import together


@pytest.mark.row("L10")
def test_8_processes_share_a_home(world: World) -> None:
    figures = together(world, processes=8, count=5)
    print(figures)
    all_are_there(figures, 40)


def all_are_there(figures: dict[str, Any], count: int) -> None:
    """Every version once, with dense numbers; the newest is ``latest``; nobody waited in vain for a lock."""
    assert figures["said"] == ""
    assert (figures["uploads"], figures["versions"], figures["names"], figures["outputs"]) == (count,) * 4
    assert (figures["highest"], figures["latest"]) == (count - 1, count - 1)
    assert figures["finished"] == figures["processes"]
