"""Config and metadata, through the command line."""

import json

import pytest

from tests.e2e.bad_input.bench import Bench


@pytest.mark.row("M5")
@pytest.mark.parametrize(
    "given", [["-m", "K"], ["-m", "=v"], ["-m", "a=1", "-m", "a=2"], ["-m", f"a={'x' * 1_000_000}"]]
)
def test_M5_metadata(bench: Bench, given: list[str]) -> None:
    bench.refused(2, "upload", "src", "-n", "cats", "-t", "dataset", "-a", "one", *given)
    assert not (bench.bucket / "dataset").exists()


@pytest.mark.row("M5")
def test_M5_run_arguments(uploaded: Bench) -> None:
    uploaded.refused(2, "download", "dataset/cats:one", "-d", "out", "--run_args", '{"a": ', says="run")
    assert not (uploaded.here / "out").exists()


@pytest.mark.row("M1")
def test_M1_metadata_that_is_no_number(bench: Bench) -> None:
    bench.ok("upload", "src", "-n", "cats", "-t", "dataset", "-a", "one", "-m", "a=NaN")
    _, out, _ = bench.run("--json", "show", "dataset/cats:one")
    assert json.loads(out)["artifact"]["metadata"] == {"a": "NaN"}
