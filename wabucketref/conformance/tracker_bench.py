"""What a check of a tracker works with."""

import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final

from wabucketref.conformance.results import Broken
from wabucketref.contracts.tracker import Tracker
from wabucketref.errors import WaBucketError
from wabucketref.model.artifact import LoggedArtifact
from wabucketref.model.reference import ArtifactRef
from wabucketref.model.run import RunKey, RunUpdate

OpenTracker = Callable[[], Tracker]

BUCKET: Final = "memory://conformance"


class Bench:
    """One check's surroundings: an open tracker, a project of its own, short ways to say things."""

    def __init__(self, tracker: Tracker, entity: str = "conformance") -> None:
        self.tracker = tracker
        self.able = tracker.capabilities
        self.project = (entity, f"check-{uuid.uuid4().hex[:12]}")

    def run(self, run_id: str = "run", **fields: Any) -> RunKey:
        """A run, created or changed."""
        key = RunKey(*self.project, run_id)
        self.tracker.upsert_run(RunUpdate(key, **fields))
        return key

    def log(self, key: RunKey, alias: str, digest: str = "", *, xid: str = "", name: str = "model") -> str | None:
        """Log an upload; its version."""
        return self.tracker.log_artifact(key, logged(alias, digest or alias, xid=xid, name=name)).version

    def version(self, alias: str, bucket: str | None = BUCKET) -> str | None:
        """What an alias resolves to."""
        return self.tracker.resolve(ref(alias), self.project, bucket).version


def ref(alias: str, name: str = "model") -> ArtifactRef:
    """A reference of type ``kind``."""
    return ArtifactRef("kind", name, alias)


def logged(alias: str, digest: str, *, xid: str = "", name: str = "model", bucket: str = BUCKET) -> LoggedArtifact:
    """An upload whose content is told apart by the word `digest`."""
    return LoggedArtifact(
        xid=xid or f"{name}-{alias}-{digest}",
        type="kind",
        name=name,
        alias=alias,
        digest=f"blake3:{digest.encode().hex():0>64}",
        uri=f"{bucket}/kind/{name}/{alias}",
        bucket=bucket,
        files=2,
        bytes=1 << 40,
        created=datetime(2024, 2, 29, 12, 30, tzinfo=UTC),
        metadata={"ä": [1, {"b": None}]},
    )


def refused(call: Callable[[], object], kind: type[WaBucketError], *words: str) -> None:
    """Raise Broken unless `call` raises `kind` with all `words` in its message or hint."""
    try:
        found = call()
    except kind as error:
        text = f"{error.message} {error.hint}"
        missing = [word for word in words if word not in text]
        if missing:
            raise Broken(f"the error {text!r} does not say {missing}") from error
        return
    raise Broken(f"{found!r} where {kind.__name__} was due")


def together(calls: Sequence[Callable[[], None]]) -> None:
    """Run all at once, each in a thread; raise the first error."""
    with ThreadPoolExecutor(len(calls)) as pool:
        for running in [pool.submit(call) for call in calls]:
            running.result()
