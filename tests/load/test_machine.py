"""Longer random histories, and more of them: see ``tests/faults/machine``."""

from pathlib import Path

import pytest

from tests.faults.machine.running import STORES, run_machine
from tests.faults.procs import Zygote

HISTORIES = {"local": 200, "moto": 40, "rclone": 40}


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.row("K1", "A2", "A4")
@pytest.mark.parametrize("store", STORES)
def test_machine(request: pytest.FixtureRequest, zygote: Zygote, place: Path, store: str) -> None:
    run_machine(request, zygote, place, store, histories=HISTORIES[store], steps=40)
