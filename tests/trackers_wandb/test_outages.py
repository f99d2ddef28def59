"""The server away, silent or refusing for long: the upload goes on, nothing is lost, nothing is there twice."""

import json
import shutil
from typing import Any

import pytest

from tests.trackers_wandb.conftest import Desk

NOWHERE = "http://127.0.0.1:9"
ALWAYS = 10_000


def upload(desk: Desk, *, code: int = 0, url: str | None = None, **more: str) -> dict[str, Any]:
    """Upload a tree as ``kind/model:one``; the document that is printed."""
    desk.tree()
    desk.url = url
    words = ("upload", "src", "-n", "model", "-t", "kind", "-a", "one", "--json")
    found: dict[str, Any] = json.loads(desk.wabucket(*words, code=code, more=more).stdout)
    desk.url = None
    return found


def journals(desk: Desk) -> list[str]:
    return [path.stem for path in (desk.directory / "home" / "journal").glob("*.journal")]


def runs(desk: Desk) -> list[dict[str, Any]]:
    """The runs that the server has, with all that is known of them."""
    own = ("-p", "demo", "--entity", desk.user, "runs")
    return [desk.server.wabucket(*own, item["id"])["run"] for item in desk.server.wabucket(*own)["items"]]


def check_once(desk: Desk, run_id: str) -> None:
    """One version, made by one run that has ended well; nothing waits."""
    assert journals(desk) == []
    listed = json.loads(desk.wabucket("ls", "--json").stdout)["items"]
    assert [(item["version"], item["aliases"]) for item in listed] == [("v0", ["one", "latest"])]
    assert [(run["id"], run["state"], len(run["outputs"])) for run in runs(desk)] == [(run_id, "finished", 1)]


@pytest.mark.row("T1")
def test_away_from_the_start(desk: Desk) -> None:
    told = upload(desk, code=8, url=NOWHERE)
    assert told["tracking"] == "pending"
    desk.url = NOWHERE
    desk.wabucket("sync", code=8)
    desk.url = None
    desk.wabucket("sync")
    check_once(desk, told["run"]["id"])


@pytest.mark.row("T3")
def test_rights_that_are_gone_once_the_bytes_are_there(desk: Desk) -> None:
    with desk.server.faults() as faults:
        faults.add("CreateArtifact", status=403, times=ALWAYS)
        told = upload(desk, code=8, url=faults.url)
        assert faults.struck("CreateArtifact") > 0
    assert told["tracking"] == "pending"
    desk.wabucket("sync")
    check_once(desk, told["run"]["id"])


@pytest.mark.row("T2")
def test_every_answer_lost_behind_the_commit(desk: Desk) -> None:
    with desk.server.faults() as faults:
        faults.add("CommitArtifact", lose_answer=True, times=ALWAYS)
        told = upload(desk, code=8, url=faults.url)
        assert faults.struck("CommitArtifact") > 0
    desk.wabucket("sync")
    check_once(desk, told["run"]["id"])


@pytest.mark.row("T1")
def test_beside_a_silent_server_a_start_is_no_long_wait(desk: Desk) -> None:
    with desk.server.faults() as faults:
        faults.add("/graphql", delay=20, times=ALWAYS)
        desk.url = faults.url
        told = json.loads(
            desk.python(
                f"ENTITY = {desk.user!r}"
                """
import json, time
from wabucketref import TrackingPending, WaBucketRefAPI
api = WaBucketRefAPI(settings={"entity": ENTITY})
begun = time.monotonic()
run = api.wandb_start_run()
seconds = time.monotonic() - begun
run.log({"x": 1})
try:
    api.close()
except TrackingPending:
    print(json.dumps({"seconds": seconds, "id": run.id}), flush=True)
"""
            )
        )
    desk.url = None
    assert told["seconds"] < 10
    assert journals(desk) == [told["id"]]
    desk.wabucket("sync")
    assert [(run["id"], run["summary"]["x"]) for run in runs(desk)] == [(told["id"], 1)]


@pytest.mark.row("T4")
def test_a_journal_moved_elsewhere_needs_nothing_local(desk: Desk) -> None:
    storage = {"WABUCKET_STORAGE": f"file://{desk.directory}/bucket"}
    told = upload(desk, WANDB_MODE="offline", **storage)
    shutil.rmtree(desk.directory / "src")
    moved = (desk.directory / "home").rename(desk.directory / "elsewhere")
    desk.wabucket("sync", more={"WABUCKET_HOME": str(moved), **storage})
    (run,) = runs(desk)
    assert (run["id"], run["state"], len(run["outputs"])) == (told["run"]["id"], "finished", 1)


def test_disabled_keeps_nothing(desk: Desk) -> None:
    assert upload(desk, WANDB_MODE="disabled", WABUCKET_TRACKER="wandb")["tracking"] == "disabled"
    assert journals(desk) == []
