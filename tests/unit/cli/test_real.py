"""The commands over the real floors, a local bucket and the embedded tracker: every document fits its schema."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli import schemas
from tests.unit.cli.conftest import Ran

Run = Callable[..., Ran]
IDENTITY = ("-n", "cats", "-t", "dataset", "-a", "one")


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_PROJECT", "demo")
    (tmp_path / "data" / "sub").mkdir(parents=True)
    (tmp_path / "data" / "a.txt").write_text("hello")
    (tmp_path / "data" / "sub" / "b ü.bin").write_bytes(os.urandom(1000))
    return tmp_path / "data"


def document(wabucket: Run, schema: str, *arguments: str) -> dict[str, Any]:
    ran = wabucket("--json", *arguments)
    assert (ran.code, ran.err) == (0, "")
    found: dict[str, Any] = json.loads(ran.out)
    schemas.check(schema, found)
    return found


def test_the_documents_of_a_round_trip(wabucket: Run, source: Path) -> None:
    up = document(wabucket, "upload", "upload", "data", *IDENTITY, "-m", "k=v")
    assert (up["artifact"]["version"], up["tracking"], up["transfer"]["files_sent"]) == ("v0", "recorded", 2)
    again = document(wabucket, "upload", "upload", "data", *IDENTITY)
    assert (again["transfer"]["files_sent"], again["artifact"]["digest"]) == (0, up["artifact"]["digest"])
    down = document(wabucket, "download", "download", "dataset/cats:v0", "-d", "out", "-a", "lr=0.1")
    assert down["verified"] is True
    assert (source.parent / "out" / "sub" / "b ü.bin").read_bytes() == (source / "sub" / "b ü.bin").read_bytes()
    link = document(wabucket, "link", "link", "dataset/cats/one", "-n", "linked", "-t", "dataset")
    assert link["artifact"]["files"] == 2
    shown = document(wabucket, "show", "show", "dataset/cats:latest", "--files")
    assert [entry["path"] for entry in shown["files"]] == ["a.txt", "sub/b ü.bin"]
    assert len(document(wabucket, "ls", "ls")["items"]) == 2
    lineage = document(wabucket, "lineage", "lineage", "dataset/cats:one")
    assert lineage["produced_by"]["outputs"] == ["dataset/cats:one"]
    assert [run["config"]["lr"] for run in lineage["used_by"]] == [0.1]
    runs = document(wabucket, "runs", "runs")["items"]
    assert [run["state"] for run in runs] == ["finished"] * 4
    assert document(wabucket, "runs-one", "runs", runs[0]["id"])["run"]["id"] == runs[0]["id"]
    named = document(wabucket, "alias", "alias", "dataset/cats:v0", "prod")
    assert "prod" in named["artifact"]["aliases"]
    assert document(wabucket, "verify", "verify", "dataset/cats:prod", "--deep")["damage"] == []
    assert document(wabucket, "rm", "rm", f"dataset/linked:{link['artifact']['alias']}")["artifact"]["files"] == 2
    assert document(wabucket, "rm", "rm", "dataset/cats:one")["artifact"]["alias"] == "one"
    assert document(wabucket, "sync", "sync")["items"] == []
    assert document(wabucket, "status", "status")["items"] == []


def test_uploads_of_earlier_releases_are_adopted(wabucket: Run, source: Path) -> None:
    uri = document(wabucket, "upload", "upload", "data", *IDENTITY)["artifact"]["uri"]
    kind = Path(uri.removeprefix("file://")).parent.parent
    for alias in ("old", "older"):
        shutil.copytree(source, kind / "dogs" / alias)
    plain = document(wabucket, "download", "download", "dataset/dogs:old")
    assert (plain["verified"], plain["artifact"]["version"], plain["artifact"]["digest"]) == (False, "v0", None)
    document(wabucket, "alias", "alias", "dataset/dogs:old", "prod")
    told = document(wabucket, "adopt", "adopt", "dataset/dogs:prod")
    assert (told["artifact"]["version"], told["tracking"]) == ("v0", "recorded")
    assert told["artifact"]["aliases"] == ["old", "prod", "latest"]
    assert document(wabucket, "adopt", "adopt", "dataset/dogs:old")["run"] is None
    assert len(document(wabucket, "adopt-all", "adopt", "dataset", "--dry-run")["items"]) == 1
    (other,) = document(wabucket, "adopt-all", "adopt", "dataset")["items"]
    assert (other["artifact"]["alias"], other["artifact"]["version"]) == ("older", "v1")
    assert document(wabucket, "adopt-all", "adopt", "dataset/dogs")["items"] == []
    for name in ("v0", "v1", "prod"):
        assert document(wabucket, "download", "download", f"dataset/dogs:{name}", "-d", name)["verified"] is True
    assert wabucket("verify", "--all", "--deep").code == 0
    lineage = document(wabucket, "lineage", "lineage", "dataset/dogs:old")
    assert lineage["produced_by"]["id"] == told["run"]["id"]
    assert len(lineage["used_by"]) == 3
    for missing in ("dataset/dogs:never", "dataset/birds", "nothing"):
        assert wabucket("adopt", missing).code == 3


def test_a_dry_run_leaves_nothing(wabucket: Run, source: Path) -> None:
    found = document(wabucket, "upload", "upload", "data", *IDENTITY, "--dry-run")
    assert (found["dry_run"], found["artifact"]["files"]) == (True, 2)
    assert wabucket("ls").out == ""
    assert wabucket("download", "dataset/cats:one").code == 3


def test_a_dry_run_tells_what_would_be_sent(wabucket: Run, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wabucketref.store.cache.known._QUIET_SECONDS", -60.0)
    wabucket("upload", "data", *IDENTITY)
    (source / "new").write_text("new file")
    again = ("upload", "data", "-n", "cats", "-t", "dataset", "-a", "two", "--dry-run")
    moved = document(wabucket, "upload", *again)["transfer"]
    assert (moved["files_sent"], moved["bytes_sent"], moved["files_reused"]) == (1, 8, 2)
    said = wabucket(*again).err
    assert "would send 8 B in 1 files; " in said
    assert "in 2 files are in the bucket already" in said


def test_damage_in_the_bucket_is_found(wabucket: Run, source: Path) -> None:
    uri = document(wabucket, "upload", "upload", "data", *IDENTITY)["artifact"]["uri"]
    Path(uri.removeprefix("file://"), "a.txt").write_text("HELLO")
    ran = wabucket("verify", "dataset/cats:one", "--deep", "--json")
    found = json.loads(ran.out)
    assert (ran.code, found["damage"][0]["path"], found["error"]["code"]) == (7, "a.txt", 7)
    del found["error"]
    schemas.check("verify", found)
    assert wabucket("download", "dataset/cats:one").code == 7


@pytest.mark.row("U3")
def test_U3_no_project(wabucket: Run, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_PROJECT")
    for arguments in (("ls",), ("runs",), ("upload", "data", *IDENTITY), ("download", "a/b:c"), ("rm", "a/b:c")):
        ran = wabucket(*arguments)
        assert ran.code == 2
        assert "WANDB_PROJECT" in ran.err
        assert "-p" in ran.err


def test_no_reff_needs_a_tracker_that_stores_bytes(wabucket: Run, source: Path) -> None:
    ran = wabucket("--tracker", "disabled", "upload", "data", *IDENTITY, "--no-reff")
    assert (ran.code, ran.out) == (2, "")
    assert "does not store bytes" in ran.err


def test_no_reff_keeps_the_bytes_in_the_catalog(wabucket: Run, source: Path) -> None:
    planned = document(wabucket, "upload", "upload", "data", *IDENTITY, "--no-reff", "--dry-run")
    assert (planned["dry_run"], planned["artifact"]["files"]) == (True, 2)
    told = document(wabucket, "upload", "upload", "data", *IDENTITY, "--no-reff", "--exclude", "sub/")
    assert (told["artifact"]["version"], told["artifact"]["files"]) == ("v0", 1)
    assert document(wabucket, "show", "show", "dataset/cats:one", "--files")["files"][0]["path"] == "a.txt"
    got = document(wabucket, "download", "download", "dataset/cats:one", "-d", "out")
    assert (got["verified"], (source.parent / "out" / "a.txt").read_text()) == (True, "hello")
    assert wabucket("verify", "--all").code == 0
    same = document(wabucket, "upload", "upload", "data", *IDENTITY, "--no-reff", "--exclude", "sub/")
    assert (same["artifact"]["version"], same["artifact"]["digest"]) == ("v0", told["artifact"]["digest"])
    taken = wabucket("upload", "data", *IDENTITY, "--no-reff")
    assert (taken.code, "names other content already (v0)" in taken.err) == (6, True)
    assert (
        document(wabucket, "upload", "upload", "data", *IDENTITY, "--no-reff", "--overwrite")["artifact"]["version"]
        == "v1"
    )
    assert document(wabucket, "verify", "verify", "dataset/cats:one", "--deep")["files"] == 2
    for version in ("v1", "v0"):
        assert document(wabucket, "rm", "rm", f"dataset/cats:{version}")["artifact"]["version"] == version
    assert wabucket("download", "dataset/cats:one").code == 3
    served = Path(os.environ["WABUCKET_HOME"]) / "served"
    assert [path for path in served.rglob("*") if path.is_file() and not path.name.startswith(".wabucket")] == []


def test_outputs_for_later_steps_and_suffix(wabucket: Run, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert wabucket("upload", "data", *IDENTITY, "-s", "X", "--outputs", "apolo").out.splitlines() == [
        "::set-output name=artifact_name_X::cats",
        "::set-output name=artifact_type_X::dataset",
        "::set-output name=artifact_alias_X::one",
        "dataset/cats:one",
    ]
    assert json.loads(wabucket("--json", "upload", "data", *IDENTITY, "--outputs", "apolo").out)
    assert wabucket("upload", "data", *IDENTITY, "--outputs", "aplo").code == 2


def test_outputs_in_a_file_of_its_own(wabucket: Run, source: Path, tmp_path: Path) -> None:
    named = tmp_path / "told" / "result.properties"
    assert wabucket("upload", "data", *IDENTITY, "--outputs-file", str(named)).out == "dataset/cats:one\n"
    assert named.read_text().startswith("artifact_name=cats\nartifact_type=dataset\nartifact_alias=one\n")
    told = wabucket("upload", "data", *IDENTITY, "--outputs-file", "result.json", "--outputs", "apolo", "-s", "X")
    assert told.out.count("::set-output") == 3
    assert json.loads(Path("result.json").read_text())["artifact_version_X"] == "v0"
    assert json.loads(wabucket("--json", "upload", "data", *IDENTITY, "--outputs-file", "result.json").out)
    assert json.loads(Path("result.json").read_text())["artifact_name"] == "cats"


def test_offline_is_recorded_by_sync(wabucket: Run, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert document(wabucket, "upload", "upload", "data", *IDENTITY)["tracking"] == "pending"
    assert len(document(wabucket, "status", "status")["items"]) == 1
    monkeypatch.delenv("WANDB_MODE")
    assert document(wabucket, "sync", "sync")["items"][0]["tracking"] == "recorded"
    assert len(document(wabucket, "ls", "ls")["items"]) == 1


def test_doctor_on_a_local_bucket(wabucket: Run, source: Path) -> None:
    probes = document(wabucket, "doctor", "doctor")["items"]
    assert {"home", "journal", "tracker", "plugins"} <= {probe["name"] for probe in probes}
    assert not [probe for probe in probes if probe["ok"] is False]
