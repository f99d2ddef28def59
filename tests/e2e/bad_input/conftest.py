"""Where the bad inputs are given."""

from pathlib import Path

import pytest

from tests.e2e.bad_input.bench import Bench, upload
from tests.faults import trees


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    here = tmp_path / "here"
    trees.make(here / "src", trees.TWO_FILES)
    monkeypatch.chdir(here)
    monkeypatch.setenv("WANDB_PROJECT", "demo")
    monkeypatch.setenv("WABUCKET_TRACKER", "embedded")
    monkeypatch.setenv("WABUCKET_BUCKET", f"file://{tmp_path}/bucket")
    return Bench(here, tmp_path / "bucket", capsys)


@pytest.fixture
def uploaded(bench: Bench) -> Bench:
    bench.ok(*upload())
    return bench
