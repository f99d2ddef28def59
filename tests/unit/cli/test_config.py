"""``wabucket config list`` over the real settings."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli import schemas
from tests.unit.cli.conftest import Ran

Run = Callable[..., Ran]


@pytest.fixture(autouse=True)
def sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "wabucket.toml").write_text('bucket = "from-file"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WABUCKET_BUCKET", "from-environment")
    monkeypatch.setenv("WANDB_API_KEY", "0123456789abcdef0123456789abcdef01234567")


def test_values(wabucket: Run) -> None:
    ran = wabucket("-p", "demo", "config", "list")
    assert (ran.code, ran.err) == (0, "")
    assert "project_name = demo" in ran.out.splitlines()
    assert "bucket = from-environment" in ran.out.splitlines()
    assert "0123456789abcdef" not in ran.out


def test_origins(wabucket: Run) -> None:
    ran = wabucket("--bucket", "from-argument", "config", "list", "--show-origin")
    line = next(line for line in ran.out.splitlines() if line.startswith("bucket "))
    assert "from-argument" in line
    assert "argument --bucket" in line
    assert "from-environment (environment WABUCKET_BUCKET); from-file (" in line


def test_document(wabucket: Run) -> None:
    document = json.loads(wabucket("config", "list", "--json").out)
    schemas.check("config-list", document)
    found = {item["name"]: item for item in document["items"]}
    assert found["bucket"]["source"] == "environment WABUCKET_BUCKET"
    assert found["bucket"]["overrode"][0]["value"] == "from-file"
    assert found["api_key"]["value"] == "********"


@pytest.mark.row("U1")
def test_U1_an_unknown_variable_is_a_warning(wabucket: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WABUCKET_BUKET", "x")
    ran = wabucket("config", "list")
    assert ran.code == 0
    assert ran.err.startswith("warning: ")
    assert "WABUCKET_BUCKET" in ran.err


@pytest.mark.row("F1")
def test_F1_a_bad_file_is_2_and_names_the_place(wabucket: Run, tmp_path: Path) -> None:
    (tmp_path / "wabucket.toml").write_text('buckt = "x"\n')
    ran = wabucket("config", "list")
    assert ran.code == 2
    assert "wabucket.toml:1" in ran.err
