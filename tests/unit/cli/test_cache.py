"""``wabucket cache`` on a real home."""

import json
import os
from pathlib import Path

import pytest

from tests.unit.cli import schemas
from wabucketref.cli.main import main


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a download in its cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WABUCKET_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WABUCKET_CONTENT_CACHE", "1MiB")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a").write_bytes(b"a" * 1000)
    (tmp_path / "data/b").write_bytes(b"b" * 3000)
    assert main(["-q", "-p", "demo", "upload", "data", "-n", "n", "-t", "t", "-a", "one"]) == 0
    assert main(["-q", "-p", "demo", "download", "t/n:one", "-d", "out"]) == 0
    return tmp_path / "home"


def document(capsys: pytest.CaptureFixture[str], *argv: str) -> "dict[str, object]":
    capsys.readouterr()
    assert main([*argv, "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    schemas.check("-".join(argv[:2]), found)
    return found


def test_a_second_download_to_another_directory_receives_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["-p", "demo", "--json", "download", "t/n:one", "-d", "elsewhere"]) == 0
    transfer = json.loads(capsys.readouterr().out)["transfer"]
    assert (transfer["bytes_received"], transfer["bytes_reused"]) == (0, 4000)


def test_what_is_kept_is_shown_and_thrown_away(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digests, content = document(capsys, "cache", "ls")["items"]  # type: ignore[misc]
    assert (content["files"], content["bytes"], content["limit"]) == (2, 4000, 1 << 20)
    assert digests["files"] == 1
    assert 0 < digests["bytes"] < digests["limit"]
    plan = document(capsys, "cache", "prune", "--keep", "3500", "--dry-run")
    done = document(capsys, "cache", "prune", "--keep", "3500")
    assert plan["items"] == done["items"]
    assert (plan["dry_run"], done["dry_run"]) == (True, False)
    assert document(capsys, "cache", "prune")["items"][1]["removed_files"] == 0  # type: ignore[index]
    everything = document(capsys, "cache", "prune", "--all")["items"]
    assert [one["left_bytes"] for one in everything] == [0, 0]  # type: ignore[attr-defined]
    assert not (home / "cache/digests").exists()
    assert document(capsys, "cache", "ls")["items"][0]["files"] == 0  # type: ignore[index]


def test_text(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["cache", "ls"]) == 0
    assert "content  2 files, 3.9 KiB of at most 1.0 MiB" in capsys.readouterr().out
    assert main(["cache", "prune", "--all", "--dry-run"]) == 0
    assert "content  2 files would be removed, 3.9 KiB; 0 B left" in capsys.readouterr().out


@pytest.mark.parametrize("argv", [("--keep", "much"), ("--keep", "-1"), ("--keep", "1", "--all")])
def test_arguments_that_make_no_sense(home: Path, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...]) -> None:
    assert main(["cache", "prune", *argv]) == 2
    assert "error: " in capsys.readouterr().err


def test_a_home_that_is_not_there_has_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WABUCKET_HOME", str(tmp_path / "none"))
    assert [one["bytes"] for one in document(capsys, "cache", "ls")["items"]] == [0, 0]  # type: ignore[attr-defined]
    document(capsys, "cache", "prune", "--all")
    assert not os.path.exists(tmp_path / "none")
