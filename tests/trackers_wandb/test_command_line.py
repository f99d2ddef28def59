"""The command line with this tracker, against a real server, and plain scripts of the SDK beside it."""

import json
from pathlib import Path

import pytest

from tests.trackers_wandb.conftest import Desk


def tree(path: Path) -> dict[str, bytes]:
    return {str(one.relative_to(path)): one.read_bytes() for one in sorted(path.rglob("*")) if one.is_file()}


def test_an_upload_is_an_artifact_that_a_plain_script_downloads(desk: Desk) -> None:
    source = desk.tree()
    found = json.loads(desk.wabucket("upload", "src", "-n", "cats", "-t", "dataset", "-a", "one", "--json").stdout)
    assert found["tracking"] == "recorded"
    assert found["run"]["entity"] == desk.user
    assert found["artifact"]["version"] == "v0"
    assert found["artifact"]["aliases"] == ["one", "latest"]
    again = json.loads(desk.wabucket("upload", "src", "-n", "cats", "-t", "dataset", "-a", "two", "--json").stdout)
    assert again["artifact"]["version"] == "v1"  # equal content under another alias stays another one
    same = json.loads(desk.wabucket("upload", "src", "-n", "cats", "-t", "dataset", "-a", "one", "--json").stdout)
    assert same["artifact"]["version"] == "v0"
    said = desk.python(
        f"import wandb, json; a = wandb.Api().artifact('{desk.user}/demo/cats:one'); a.download('plain');"
        "print(json.dumps([a.version, a.size, a.metadata['wabucket']['digest'], a.logged_by().id]))"
    )
    version, size, digest, run = json.loads(said)
    assert (version, digest, run) == ("v0", found["artifact"]["digest"], found["run"]["id"])
    plain = tree(desk.directory / "plain")
    manifest = plain.pop(".wabucket/manifest.json")
    assert plain == tree(source)
    assert json.loads(manifest)["digest"] == digest
    assert size == 9 + len(manifest)


def test_downloads_are_uses_and_questions_are_answered(desk: Desk) -> None:
    source = desk.tree()
    told = desk.wabucket(
        "upload",
        "src",
        "-n",
        "cats",
        "-t",
        "dataset",
        "-a",
        "one",
        "-m",
        "k=v",
        "--quiet",
        more={"WANDB_SILENT": "false"},
    )
    assert told.stderr == ""
    got = json.loads(desk.wabucket("download", "dataset/cats:latest", "-d", "got", "--json").stdout)
    assert tree(desk.directory / "got") == tree(source)
    assert (got["verified"], got["tracking"], got["artifact"]["version"]) == (True, "recorded", "v0")
    lineage = json.loads(desk.wabucket("lineage", "dataset/cats:v0", "--format", "json").stdout)
    assert [one["id"] for one in lineage["used_by"]] == [got["run"]["id"]]
    assert lineage["produced_by"]["outputs"] == ["dataset/cats:one"]
    assert lineage["used_by"][0]["inputs"] == ["dataset/cats:one"]
    (listed,) = json.loads(desk.wabucket("ls", "--json").stdout)["items"]
    assert (listed["alias"], listed["metadata"], listed["files"]) == ("one", {"k": "v"}, 2)
    runs = json.loads(desk.wabucket("runs", "--json").stdout)["items"]
    assert [(run["state"], run["exit_code"]) for run in runs] == [("finished", 0)] * 2
    desk.wabucket("alias", "dataset/cats:one", "prod")
    assert json.loads(desk.wabucket("show", "dataset/cats:prod", "--json").stdout)["artifact"]["alias"] == "one"
    missed = desk.wabucket("show", "dataset/cats:prdo", code=3)
    assert "did you mean dataset/cats:prod?" in missed.stderr


@pytest.mark.row("N7", "N2", "M5")
def test_what_wandb_would_never_accept_is_refused_before_a_byte_is_sent(desk: Desk) -> None:
    desk.tree()
    desk.wabucket("upload", "src", "-n", "cats", "-t", "dataset", "-a", "one")
    before = tree(desk.directory / "home" / "buckets")
    many = [word for number in range(100) for word in ("-m", f"k{number}=1")]
    for words, code in (
        (["-n", "cats", "-t", "model", "-a", "x"], 6),
        (["-n", "x", "-t", "wandb-x", "-a", "x"], 2),
        (["-n", "source-x", "-t", "code", "-a", "x"], 2),
        (["-n", "cats", "-t", "dataset", "-a", "v7"], 2),
        (["-n", "cats", "-t", "dataset", "-a", "x", *many], 2),
        (["-n", "cats", "-t", "dataset", "-a", "x", "-m", "wabucket=1"], 2),
    ):
        desk.wabucket("upload", "src", *words, code=code)
    assert tree(desk.directory / "home" / "buckets") == before
    assert not list((desk.directory / "home" / "journal").glob("*.journal"))


@pytest.mark.row("T4")
def test_offline_work_is_recorded_by_sync_and_once(desk: Desk) -> None:
    source = desk.tree()
    offline = {"WANDB_MODE": "offline"}
    told = desk.wabucket("upload", "src", "-n", "cats", "-t", "dataset", "-a", "one", "--json", more=offline)
    assert json.loads(told.stdout)["tracking"] == "pending"
    desk.wabucket("download", "dataset/cats:one", "-d", "got", more=offline)
    assert tree(desk.directory / "got") == tree(source)
    (source / "a.txt").unlink()  # nothing local is needed any more
    desk.wabucket("sync")
    assert "nothing to sync" in desk.wabucket("sync").stderr
    (run_up, run_down) = sorted(
        json.loads(desk.wabucket("runs", "--json").stdout)["items"], key=lambda run: run["created"]
    )
    lineage = json.loads(desk.wabucket("lineage", "dataset/cats:one", "--format", "json").stdout)
    assert lineage["produced_by"]["id"] == run_up["id"]
    assert [one["id"] for one in lineage["used_by"]] == [run_down["id"]]
    assert [one["version"] for one in json.loads(desk.wabucket("ls", "--json").stdout)["items"]] == ["v0"]


def test_without_a_key_nothing_is_sent(desk: Desk) -> None:
    desk.tree()
    no_key = {"WANDB_API_KEY": "", "HOME": str(desk.directory)}
    told = desk.wabucket("upload", "src", "-n", "cats", "-t", "dataset", code=4, more=no_key)
    assert "WANDB_API_KEY" in told.stderr
    assert not (desk.directory / "home" / "buckets").exists()


def test_a_setting_that_the_sdk_does_not_take_is_said_before_a_byte_is_sent(desk: Desk) -> None:
    desk.tree()
    odd = {"WANDB_SILENT": "perhaps"}
    told = desk.wabucket("upload", "src", "-n", "cats", "-t", "dataset", code=2, more=odd)
    assert "silent" in told.stderr
    assert "perhaps" in told.stderr
    assert not list((desk.directory / "home").rglob("a.txt"))


def test_runs_are_found_by_the_job_around_them(desk: Desk) -> None:
    desk.tree()
    job = {"GITLAB_CI": "true", "CI_JOB_ID": "6", "CI_COMMIT_SHA": "4f1c" * 10, "CI_COMMIT_REF_NAME": "main"}
    made = json.loads(desk.wabucket("upload", "src", "-n", "a", "-t", "dataset", "--json", more=job).stdout)
    desk.wabucket("upload", "src", "-n", "b", "-t", "dataset")
    for words in (
        ["--job-id", "6"],
        ["--tag", "ref:main"],
        ["--commit", "4F1c4f"],
        ["--commit", "4f1c4", "--tag", "job_id:6"],
    ):
        items = json.loads(desk.wabucket("runs", "--json", *words).stdout)["items"]
        assert [one["id"] for one in items] == [made["run"]["id"]]
    assert json.loads(desk.wabucket("runs", "--json", "--job-id", "5").stdout)["items"] == []


def test_old_versions_are_collected_and_what_cannot_be_is_refused(desk: Desk) -> None:
    for name in ("one", "two", "three"):
        desk.tree(name, which=name)
    *_, collected, listed = desk.each(
        *(f"upload {name} -n cats -t dataset -a {name}" for name in ("one", "two", "three")),
        "alias dataset/cats:one prod",
        "gc dataset/cats --keep-last 1 --apply",
        "ls",
    )
    assert [(one["what"], one["state"]) for one in collected["items"]] == [("dataset/cats:two", "removed")]
    assert [one["what"] for one in collected["kept"]] == ["dataset/cats:one"]
    assert sorted(one["alias"] for one in listed["items"]) == ["one", "three"]
    for command in (("rebuild",), ("relocate", "./old", "./new")):
        refused = desk.wabucket(*command, code=2)
        assert "--tracker embedded" in refused.stderr
