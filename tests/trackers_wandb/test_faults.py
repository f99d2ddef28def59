"""A server that is away, slow or forgetful: nothing is lost, nothing is there twice, and the exit code says so."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.trackers_wandb.conftest import Desk
from wabucketref.testing.faults import Faults

SESSION = """
import wandb
from wabucketref import TrackingPending, WaBucketRefAPI
try:
    with WaBucketRefAPI() as api:
        run = api.wandb_start_run(run_args={"lr": 1})
        for i in range(5):
            wandb.log({"loss": i})
        try:
            api.upload_artifact("src", "cats", "dataset", "one")
        except TrackingPending:
            pass  # the bytes are safe, and the training goes on
        for i in range(5, 8):
            wandb.run.log({"loss": i})
except TrackingPending:
    print("pending")
"""
CHECK = """
import json, wandb
api = wandb.Api()
(run,) = api.runs("%s/demo")
rows = [row["loss"] for row in run.scan_history(use_cache=False)]
versions = [one.version for one in api.artifacts("dataset", "%s/demo/cats")]
print(json.dumps([run.state, run.config["lr"], rows, versions, [one.name for one in run.logged_artifacts()]]))
"""
WHOLE = ["finished", 1, [0, 1, 2, 3, 4, 5, 6, 7], ["v0"], ["cats:v0"]]


@contextmanager
def behind(desk: Desk) -> Iterator[Faults]:
    """The desk's way to the server leads through a proxy that breaks things."""
    with desk.server.faults() as faults:
        desk.url = faults.url
        try:
            yield faults
        finally:
            desk.url = None


def what_is_there(desk: Desk) -> Any:
    return json.loads(desk.python(CHECK % (desk.user, desk.user)))


@pytest.mark.row("T1", "T2")
@pytest.mark.parametrize(
    ("match", "what"),
    [
        ("UpsertBucket", {"status": 500, "times": 2}),
        ("/file_stream", {"status": 429, "headers": {"Retry-After": "1"}, "times": 2}),
        ("/file_stream", {"lose_answer": True}),
        ("CommitArtifact", {"lose_answer": True}),
        ("CreateArtifact", {"lose_answer": True}),
    ],
)
def test_a_passing_failure_is_not_seen(desk: Desk, match: str, what: dict[str, Any]) -> None:
    desk.tree()
    with behind(desk) as faults:
        faults.add(match, **what)
        assert desk.python(SESSION) == ""
        assert faults.struck(match) == what.get("times", 1)
    assert what_is_there(desk) == WHOLE


@pytest.mark.row("T1", "T2")
@pytest.mark.parametrize(("match", "after"), [("UpsertBucket", 0), ("CommitArtifact", 0), ("/file_stream", 1)])
def test_what_a_lasting_failure_left_is_recorded_by_sync_once(desk: Desk, match: str, after: int) -> None:
    """At the start, in the middle, at the end."""
    desk.tree()
    with behind(desk) as faults:
        faults.add(match, drop=True, times=1000, after=after)
        assert desk.python(SESSION) == "pending\n"
        assert faults.struck(match)
    assert list((desk.directory / "home" / "journal").iterdir())
    desk.wabucket("sync")
    assert what_is_there(desk) == WHOLE
    assert "nothing to sync" in desk.wabucket("sync").stderr
    assert what_is_there(desk) == WHOLE
