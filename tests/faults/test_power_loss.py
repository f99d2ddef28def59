"""The power fails at some call of a command: what was promised is there afterwards, and the rest is taken up again.

At every call: ``tests/load/test_disks.py``.
"""

import random

import pytest

from tests.faults.conftest import MakeWorld
from tests.faults.losing import COMMANDS, losses

pytestmark = [pytest.mark.needs("strace"), pytest.mark.row("I5")]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_power_fails(make_world: MakeWorld, command: str, rng: random.Random) -> None:
    def places(calls: int) -> list[tuple[int, random.Random | None]]:
        some = sorted(rng.sample(range(1, calls), 3))
        return [*((place, rng) for place in some), (calls, None), (calls, rng)]

    losses(make_world(), command, places, strict=True)
