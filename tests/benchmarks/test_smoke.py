"""The benchmarks run, at a thousandth of their size; their figures are not judged here."""

import sys
from pathlib import Path

import pytest

from tests.benchmarks import __main__ as bench
from tests.benchmarks.measure import CommandFailed, measure
from tests.benchmarks.transfers import Workload, first_difference, workloads


@pytest.mark.slow
@pytest.mark.needs("rclone")
def test_a_tiny_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--scale", "0.001", "--rounds", "1", "--only", "wabucket", "--only", "rclone"]) == 0
    shown = capsys.readouterr().out
    for word in ("### 10 × 16 KiB, up", "| wabucket |", "| rclone |", "rows/s", "## Records", "≤ 0.7 s"):
        assert word in shown


def test_the_full_workloads() -> None:
    assert [load.name for load in workloads(1)] == ["10,000 × 16 KiB", "1 × 2 GiB"]


def test_measures_the_whole_tree(tmp_path: Path) -> None:
    child = "x = bytearray(60_000_000)\nimport time\ntime.sleep(0.3)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    found = measure([sys.executable, "-c", parent], {}, tmp_path)
    assert found.wall >= 0.3
    assert 60_000_000 <= found.peak < 400_000_000
    assert 0 < found.cpu < found.wall + 1


def test_failures_are_failures(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="exit 3"):
        measure([sys.executable, "-c", "raise SystemExit(3)"], {}, tmp_path)
    with pytest.raises(CommandFailed, match="exit -9"):
        measure([sys.executable, "-c", "import time; time.sleep(60)"], {}, tmp_path, timeout=0.2)


def test_differences_are_found(tmp_path: Path) -> None:
    Workload(2, 10).make(tmp_path / "a")
    Workload(2, 10).make(tmp_path / "b")
    assert first_difference(tmp_path / "a", tmp_path / "a") is None
    assert first_difference(tmp_path / "a", tmp_path / "b") == "000/000000.bin"
