"""The path of records at full size. Rates are wall-clock, so they are judged only where the machine is not busy."""

from pathlib import Path

import pytest

from tests.load.measure import is_quiet
from tests.load.records import Figures, measured

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

FLAT = 20
"""MiB."""


def loaded(scenario: str, count: int, directory: Path, sync: str = "full") -> tuple[Figures, bool]:
    """The figures, and whether the machine had a processor free before and after."""
    before = is_quiet()
    found = measured(scenario, count, directory, sync)
    quiet = before and is_quiet()
    print(f"{'quiet' if quiet else 'busy'} machine: {found}")
    return found, quiet


@pytest.mark.row("L2")
def test_a_million_rows(tmp_path: Path) -> None:
    found, quiet = loaded("rows", 1_000_000, tmp_path)
    assert found["in_order"]
    assert found["growth_mib"] <= FLAT
    assert found["log_p99_us"] < 1_000
    if quiet:
        assert found["accepted_per_s"] >= 10_000


@pytest.mark.row("L2")
def test_a_hundred_thousand_rows_through_the_background_service(tmp_path: Path) -> None:
    found, quiet = loaded("remote", 100_000, tmp_path)
    assert found["in_order"]
    assert found["growth_mib"] <= FLAT
    if quiet:
        assert found["accepted_per_s"] >= 3_000
        assert found["log_p99_us"] < 5_000


@pytest.mark.row("L7")
def test_a_thousand_uploads_queued_behind_a_large_one(tmp_path: Path) -> None:
    found, quiet = loaded("artifacts", 1_000, tmp_path, sync="normal")
    assert found["versions"] == 2 * 1_000 + 22
    assert found["small_first"]
    assert found["growth_mib"] <= 50
    assert found["descriptors"] <= 512
    if quiet:
        assert found["send_p99_us"] < 5_000


@pytest.mark.row("L9")
def test_a_million_rows_while_the_tracker_is_down(tmp_path: Path) -> None:
    found, quiet = loaded("outage", 1_000_000, tmp_path)
    assert (found["tracking"], found["synced"], found["journals"]) == ("pending", ["recorded"], 0)
    assert found["in_order"]
    assert found["growth_mib"] <= FLAT
    assert found["sync_peak_mib"] <= 150
    if quiet:
        assert found["drained_per_s"] >= 5_000
