"""The path of records under load, as much of it as fits into every day; ``tests/load/test_records.py`` has the whole.

Each load is a process of its own. What is judged is processor time as a multiple of the least that keeping a row can
cost, measured beside it, and memory: neither depends on what else the machine does.
"""

from pathlib import Path

import pytest

from tests.load.records import Figures, measured

FLAT = 20
"""MiB."""


@pytest.mark.row("L2")
def test_a_burst_of_rows_is_cheap_flat_and_in_order(tmp_path: Path) -> None:
    attempts: list[Figures] = []
    while len(attempts) < 3:
        directory = tmp_path / str(len(attempts))
        directory.mkdir()
        found = measured("rows", 50_000, directory)
        assert found["in_order"]
        assert found["growth_mib"] <= FLAT
        if found["log_cpu_us"] < 7 * found["floor_cpu_us"] and found["all_cpu_us"] < 14 * found["floor_cpu_us"]:
            return
        attempts.append(found)
    pytest.fail(f"recording a row costs too much: {attempts}")


@pytest.mark.row("L9")
def test_rows_of_an_outage_wait_on_disk_and_come_home_in_order(tmp_path: Path) -> None:
    found = measured("outage", 30_000, tmp_path)
    assert (found["tracking"], found["synced"], found["journals"]) == ("pending", ["recorded"], 0)
    assert found["recorded_before"] < 15_000
    assert found["in_order"]
    assert found["growth_mib"] <= FLAT


@pytest.mark.row("L7")
def test_queued_uploads_cost_little_memory_and_few_descriptors(tmp_path: Path) -> None:
    found = measured("artifacts", 100, tmp_path, sync="normal")
    assert found["versions"] == 2 * 100 + 22
    assert found["growth_mib"] <= 50
    assert found["descriptors"] <= 512
