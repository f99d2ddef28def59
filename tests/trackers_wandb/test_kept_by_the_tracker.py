"""``--no-reff``: the tracker itself keeps the bytes."""

import json
import shutil
from typing import Any

import pytest

from tests.trackers_wandb.conftest import Desk
from tests.trackers_wandb.test_command_line import tree

UPLOAD = "upload src -n m -t kind -a {alias} --no-reff"
ALWAYS = 10_000


def copies(desk: Desk) -> list[str]:
    return [path.name for path in (desk.directory / "home" / "kept").glob("*")]


def by_version(ls: Any) -> list[tuple[str, list[str]]]:
    return sorted((item["version"], sorted(item["aliases"])) for item in ls["items"])


def test_files_go_to_the_tracker_and_come_back(desk: Desk) -> None:
    source = desk.tree(large="x" * 3_000_000)
    before = tree(source)
    first, again, shown, got, ls = desk.each(
        UPLOAD.format(alias="one") + " -m k=v",
        UPLOAD.format(alias="one"),
        "show kind/m:one --files",
        "download kind/m:one -d got",
        "ls",
    )
    artifact = first["artifact"]
    assert (first["tracking"], artifact["version"], artifact["alias"]) == ("recorded", "v0", "one")
    assert (artifact["files"], first["transfer"]["bytes_sent"]) == (3, 3_000_009)
    assert artifact["uri"].startswith("wandb-artifact://")
    assert (again["artifact"]["version"], again["artifact"]["digest"]) == ("v0", artifact["digest"])
    assert (shown["artifact"]["digest"], shown["artifact"]["metadata"]) == (artifact["digest"], {"k": "v"})
    assert tree(desk.directory / "got") == before
    assert (got["verified"], got["artifact"]["version"]) == (True, "v0")
    assert by_version(ls) == [("v0", ["latest", "one"])]
    assert copies(desk) == []
    assert not (desk.directory / "home" / "buckets").exists()
    (source / "a.txt").write_text("other")
    taken = desk.wabucket(*UPLOAD.format(alias="one").split(), code=6)
    assert "names other content already (v0)" in taken.stderr
    assert copies(desk) == []
    moved, ls, checked, removed, left = desk.each(
        UPLOAD.format(alias="one") + " --overwrite",
        "ls",
        "verify kind/m:one --deep",
        "rm kind/m:one",
        "ls",
    )
    assert moved["artifact"]["version"] == "v1"
    assert by_version(ls) == [("v0", []), ("v1", ["latest", "one"])]
    assert (checked["damage"], removed["artifact"]["version"]) == ([], "v1")
    assert [item["version"] for item in left["items"]] == ["v0"]


@pytest.mark.row("T1", "T2", "T4")
def test_what_the_server_does_not_get_now_it_gets_by_sync_and_once(desk: Desk) -> None:
    source = desk.tree()
    before = tree(source)
    words = (*UPLOAD.format(alias="one").split(), "--json")
    with desk.server.faults() as faults:
        faults.add("CommitArtifact", lose_answer=True, times=ALWAYS)
        desk.url = faults.url
        told = json.loads(desk.wabucket(*words, code=8).stdout)
        assert faults.struck("CommitArtifact") > 0
    desk.url = None
    assert told["tracking"] == "pending"
    shutil.rmtree(source)  # the copies in the home are what counts
    assert len(copies(desk)) == 1
    _, ls, _ = desk.each("sync", "ls", "download kind/m:one -d got")
    assert by_version(ls) == [("v0", ["latest", "one"])]
    assert tree(desk.directory / "got") == before
    assert copies(desk) == []
