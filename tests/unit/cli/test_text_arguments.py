"""Paths and patterns that are not UTF-8 cannot be journaled: refused before a run is started."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Ran
from wabucketref import WaBucketRefAPI
from wabucketref.errors import InvalidValue, UsageError

Run = Callable[..., Ran]
NAMES = ("-n", "net", "-t", "model", "-a", "two")
BAD = "caf\udce9"


@pytest.fixture
def here(wabucket: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_PROJECT", "demo")
    monkeypatch.setenv("WABUCKET_HOME", str(tmp_path / "home"))
    for place in ("src", BAD, f"{BAD}/src"):
        os.mkdir(place)
        Path(place, "a").write_text("a")
    ran = wabucket("upload", "src", "-n", "net", "-t", "model", "-a", "one")
    assert ran.code == 0, ran
    return tmp_path


def refused(ran: Ran) -> str:
    assert ran.code == 2
    assert ran.err.startswith("error: ")
    assert "hint: " in ran.err
    assert r"caf\udce9" in ran.err
    assert "0xE9, which is not UTF-8" in ran.err
    return ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("upload", BAD, *NAMES),
        ("upload", f"{BAD}/missing", *NAMES),
        ("upload", BAD, *NAMES, "--dry-run"),
        ("upload", "src", *NAMES, "--include", BAD),
        ("upload", "src", *NAMES, "--exclude", BAD),
        ("download", "model/net:one", "-d", BAD),
        ("download", "model/net:one", "-d", BAD, "--dry-run"),
        ("download", "model/net:one", "--include", BAD),
        ("download", "model/net:one", "--exclude", BAD),
    ],
)
def test_arguments(wabucket: Run, here: Path, arguments: tuple[str, ...]) -> None:
    before = wabucket("runs").out
    refused(wabucket(*arguments))
    assert wabucket("runs").out == before


def test_a_working_directory(wabucket: Run, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD)
    before = wabucket("runs").out
    assert "-d" in refused(wabucket("download", "model/net:one"))
    refused(wabucket("upload", "src", *NAMES))
    assert wabucket("runs").out == before
    assert wabucket("download", "model/net:one", "-d", str(here / "out")).code == 0
    assert (here / "out" / "a").read_text() == "a"
    assert wabucket("upload", str(here / "src"), *NAMES).code == 0


def test_python(here: Path) -> None:
    with WaBucketRefAPI(project_name="demo") as api:
        uses: list[tuple[type[UsageError], Callable[[], Any]]] = [
            (UsageError, lambda: api.wandb_start_run(w_run_name="\ud800")),
            (UsageError, lambda: api.wandb_start_run(w_job_type="\ud800")),
            (UsageError, lambda: api.upload(BAD, "net", "model")),
            (UsageError, lambda: api.upload("src", "net", "model", include=[BAD])),
            (InvalidValue, lambda: api.upload("src", "net", "model", include="*.jpg")),
            (InvalidValue, lambda: api.upload("src", "net", "model", exclude=[b"a"])),  # type: ignore[list-item]
            (UsageError, lambda: api.download("net", "model", "one", BAD)),
            (InvalidValue, lambda: api.download("net", "model", "one", "out", include="*.jpg")),
        ]
        for kind, use in uses:
            with pytest.raises(kind):
                use()
