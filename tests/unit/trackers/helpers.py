"""Short ways to say things in the tests of trackers."""

from datetime import UTC, datetime
from typing import Any

from wabucketref.model.artifact import LoggedArtifact
from wabucketref.model.reference import ArtifactRef
from wabucketref.model.run import RunKey, RunUpdate
from wabucketref.trackers.embedded.tracker import EmbeddedTracker

PROJECT = ("team", "my-w&b-project")
BUCKET = "file:///buckets/one"
WHEN = datetime(2025, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


def run(tracker: EmbeddedTracker, run_id: str = "r1", **fields: Any) -> RunKey:
    key = RunKey(*PROJECT, run_id)
    tracker.upsert_run(RunUpdate(key, **fields))
    return key


def ref(alias: str, name: str = "net") -> ArtifactRef:
    return ArtifactRef("model", name, alias)


def upload(alias: str, content: str = "", *, xid: str = "", name: str = "net", **fields: Any) -> LoggedArtifact:
    facts: dict[str, Any] = {"bucket": BUCKET, "digest": f"blake3:{content or alias}"} | fields
    return LoggedArtifact(
        xid=xid or f"{name}:{alias}:{content}",
        type="model",
        name=name,
        alias=alias,
        uri=f"{BUCKET}/model/{name}/{alias}",
        files=1,
        bytes=10,
        created=WHEN,
        **facts,
    )
