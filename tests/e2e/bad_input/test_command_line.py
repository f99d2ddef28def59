"""The command line, through the command line."""

import pytest

from tests.e2e.bad_input.bench import Bench, upload


@pytest.mark.row("U1")
@pytest.mark.parametrize(
    "argv", [[], ["uplaod"], ["ls", "--nope"], ["upload"], ["upload", "src"], ["download"], ["alias", "t/n:a"]], ids=str
)
def test_U1_usage(bench: Bench, argv: list[str]) -> None:
    bench.refused(2, *argv)


@pytest.mark.row("U1")
def test_U1_nearest(bench: Bench) -> None:
    bench.refused(2, "uplaod", says="upload")


@pytest.mark.row("U3")
def test_U3_no_project(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_PROJECT")
    for argv in (upload(), ["ls"], ["download", "dataset/cats:one"], ["runs"]):
        bench.refused(2, *argv, says="WANDB_PROJECT")


def test_unknown_runs_and_artifacts(uploaded: Bench) -> None:
    for argv in (["runs", "nope"], ["show", "dataset/dogs:one"], ["lineage", "dataset/dogs:one"], ["ls", "model"]):
        uploaded.refused(3, *argv)
