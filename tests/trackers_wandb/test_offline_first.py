"""Downloads whose use cannot be recorded now, uploads that were replaced before they were, and how ``ls`` asks."""

import json
import shutil

import pytest

from tests.trackers_wandb.conftest import Desk
from tests.trackers_wandb.test_command_line import tree

NOWHERE = "http://127.0.0.1:9"
OFFLINE = {"WANDB_MODE": "offline"}
UPLOAD = "upload src -n m -t kind -a one"


@pytest.mark.row("T1", "T4")
def test_a_download_beside_a_server_that_is_away_comes_from_the_bucket_and_is_recorded_later(desk: Desk) -> None:
    source = desk.tree()
    desk.each(UPLOAD)
    desk.url = NOWHERE
    away = desk.wabucket("download", "kind/m:one", "-d", "got", "--json", code=8)
    missing = desk.wabucket("download", "kind/m:never", "-d", "never", code=5)
    desk.url = None
    got = json.loads(away.stdout)
    assert (got["tracking"], got["verified"], got["error"]["code"]) == ("pending", True, 8)
    assert "wabucket sync" in got["error"]["hint"]
    assert "W&B" in missing.stderr
    assert tree(desk.directory / "got") == tree(source)
    _, lineage = desk.each("sync", "lineage kind/m:one --format json")
    assert [one["id"] for one in lineage["used_by"]] == [got["run"]["id"]]


@pytest.mark.row("T4")
def test_uploads_of_earlier_releases_that_only_the_bucket_knows(desk: Desk) -> None:
    place = desk.directory / "home" / "buckets" / "demo" / "kind" / "m" / "one"
    place.parent.mkdir(parents=True)
    desk.tree().rename(place)
    shutil.copytree(place, place.with_name("two"))
    late = json.loads(desk.wabucket("download", "kind/m:one", "-d", "late", "--json", more=OFFLINE).stdout)
    assert (late["tracking"], late["verified"]) == ("pending", False)
    now, adopted, _, first, second = desk.each(
        "download kind/m:two -d now",
        "adopt kind/m:one",
        "sync",  # of a use of what has been adopted since
        "lineage kind/m:one --format json",
        "lineage kind/m:two --format json",
    )
    assert (now["tracking"], now["verified"], now["artifact"]["digest"]) == ("recorded", False, None)
    assert adopted["tracking"] == "recorded"
    assert [one["id"] for one in first["used_by"]] == [late["run"]["id"]]
    assert [one["id"] for one in second["used_by"]] == [now["run"]["id"]]


def test_an_upload_that_was_replaced_before_it_was_recorded_is_named_by_its_run(desk: Desk) -> None:
    source = desk.tree()
    late = json.loads(desk.wabucket(*UPLOAD.split(), "--json", more=OFFLINE).stdout)
    (source / "a.txt").write_text("newer")
    newer, _, ls = desk.each(f"{UPLOAD} --overwrite", "sync", "ls")
    assert [(item["version"], item["digest"]) for item in ls["items"]] == [("v0", newer["artifact"]["digest"])]
    run = f"wandb.Api().run('{desk.user}/demo/{late['run']['id']}')"
    said = json.loads(desk.python(f"import wandb, json; print(json.dumps(dict({run}.summary['_wabucket'])))"))
    assert (said["state"], said["replaced"]) == ("finished", [f"kind/m:one@{late['artifact']['digest']}"])


def test_a_list_reads_no_manifests(desk: Desk) -> None:
    desk.tree()
    desk.python(
        """
import wandb
with wandb.init(project="demo") as run:
    for name in ("x", "y", "z"):
        artifact = wandb.Artifact(name, "kind")
        artifact.add_file("src/a.txt")
        run.log_artifact(artifact).wait()
"""
    )
    with desk.server.faults() as faults:
        faults.add("FetchArtifactManifest", status=400, times=1000)
        desk.url = faults.url
        (ls,) = desk.each("ls kind")
        assert faults.struck("FetchArtifactManifest") == 0
    assert sorted(item["name"] for item in ls["items"]) == ["x", "y", "z"]
