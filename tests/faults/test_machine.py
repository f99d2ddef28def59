"""Random histories of a home and a bucket, with kills between and inside the steps, beside a model of them.

The model is a dictionary of committed uploads. ``make soak`` runs longer histories, and more of them.
"""

from pathlib import Path

import pytest

from tests.faults.machine.running import STORES, run_machine
from tests.faults.procs import Zygote

HISTORIES = {"local": 12, "moto": 4, "rclone": 4}


@pytest.mark.row("K1", "A2", "A4")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("store", STORES)
def test_machine(request: pytest.FixtureRequest, zygote: Zygote, place: Path, store: str) -> None:
    run_machine(request, zygote, place, store, histories=HISTORIES[store], steps=14)
