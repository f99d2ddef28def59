"""Running the machine on one kind of store."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.crash.stores import worlds
from tests.faults.machine.rules import Machine
from tests.faults.procs import Zygote

STORES = [
    "local",
    pytest.param("moto", marks=pytest.mark.needs("moto")),
    pytest.param("rclone", marks=pytest.mark.needs("rclone")),
]


def run_machine(
    request: pytest.FixtureRequest, zygote: Zygote, place: Path, store: str, *, histories: int, steps: int
) -> None:
    """So many histories of so many steps. A failing one is not made shorter, which would take as long as hundreds."""
    make = worlds(request, zygote, place, store)
    run_state_machine_as_test(
        lambda: Machine(make()),
        settings=settings(
            max_examples=histories,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
