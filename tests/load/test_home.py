"""32 processes on one home, at full size; ``tests/faults/test_home.py`` has a small form."""

from collections.abc import Callable

import pytest

from tests.faults.procs import World
from tests.faults.test_home import all_are_there
from tests.load.home import together


@pytest.mark.slow
@pytest.mark.row("L10")
@pytest.mark.timeout(1800)
def test_32_processes_share_a_home(world: World, tally_of: Callable[[object], None]) -> None:
    figures = together(world, processes=32, count=100)
    print(figures)
    tally_of(f"L10: {figures}")
    all_are_there(figures, 3_200)
    assert figures["upload_p99_us"] < 5e6
    assert figures["mib"] <= 200
