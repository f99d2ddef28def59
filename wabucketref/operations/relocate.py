"""Relocate: a bucket was moved to another URL, and its records follow."""

from collections.abc import Sequence
from typing import Final, cast

from wabucketref.contracts.progress import Progress, SilentProgress
from wabucketref.contracts.tracker_buckets import RecordedAt, RelocatableTracker
from wabucketref.errors import (
    IntegrityError,
    NotFound,
    TrackingPending,
    Unsupported,
    UpgradeRequired,
    UsageError,
)
from wabucketref.failpoints import hit
from wabucketref.model.artifact import ArtifactInfo
from wabucketref.model.redact import public_url
from wabucketref.model.relocation import Moved, RelocateResult
from wabucketref.operations.left import runs_in
from wabucketref.operations.workspace import Workspace
from wabucketref.settings.bucket import resolve_bucket
from wabucketref.threads import Pool

_AT_ONCE: Final = 16


def relocate(
    ws: Workspace, old: str, new: str, *, apply: bool = False, progress: Progress | None = None
) -> RelocateResult:
    """Look for each version that is recorded in the bucket `old`, of whatever project, in the bucket `new`. With
    `apply`, and if all are there, they are recorded there from now on. Nothing is read from or written to `old`.

    Raises:
        UsageError: a bucket is malformed, or both are the same; Unsupported: the tracker's records cannot follow.
        NotFound: nothing is recorded in `old`.
        Conflict: what is recorded in `new` stands in the way.
        TrackingPending: runs of this home still have to record something in `old`.
        TransientError: records of `old` came or went meanwhile.
    """
    places = [public_url(resolve_bucket(text, ws.settings.storage_root)) for text in (old, new)]
    tracker = _tracker(ws)
    recorded = tracker.recorded_in(places[0])
    _check(ws, places[0], places[1], len(recorded))
    items = _look(ws, places[1], recorded, progress or SilentProgress())
    result = RelocateResult(places[0], places[1], False, items)
    hit("relocate.looked")
    if not apply or result.troubles:
        return result
    tracker.relocate(places[0], places[1], recorded)
    hit("relocate.done")
    return RelocateResult(places[0], places[1], True, items)


def _tracker(ws: Workspace) -> RelocatableTracker:
    if not ws.tracker.capabilities.relocates:
        raise Unsupported(
            f"what the tracker {ws.tracker.name} has recorded cannot follow a bucket",
            hint="give --tracker embedded for the catalog; upload or link anew for others",
        )
    ws.tracker.check()
    return cast(RelocatableTracker, ws.tracker)


def _check(ws: Workspace, old: str, new: str, recorded: int) -> None:
    if old == new:
        raise UsageError("the bucket was not moved: both URLs are the same", hint="give the old and the new URL")
    if not recorded:
        raise NotFound(f"nothing is recorded in {old}", hint="`wabucket ls --json` shows where artifacts are recorded")
    waiting = runs_in(ws.settings, old)
    if waiting:
        raise TrackingPending(
            f"{len(waiting)} run(s) of this home still have something to record in {old}",
            hint="run `wabucket sync` first",
        )


def _look(ws: Workspace, new: str, recorded: Sequence[RecordedAt], progress: Progress) -> list[Moved]:
    def look(one: RecordedAt) -> Moved:
        found = _compare(ws, new, one)
        progress.advance(files=1)
        return found

    progress.start("look", len(recorded), None)
    try:
        with Pool(_AT_ONCE, thread_name_prefix="wabucket-look") as pool:
            return list(pool.map(look, recorded))
    finally:
        progress.finish()


def _compare(ws: Workspace, new: str, one: RecordedAt) -> Moved:
    artifact = one.artifact
    try:
        header = ws.plane.find(new, artifact.ref)
        digest = header.digest if header is not None else None
        if digest != artifact.digest:
            return Moved(one.project, artifact, "different", f"recorded is {artifact.digest}, there is {digest}")
        if header is None and _size(ws, new, artifact) != (artifact.files, artifact.bytes):
            return Moved(one.project, artifact, "different", "it has other files, and no manifest")
    except NotFound as error:
        return Moved(one.project, artifact, "missing", str(error))
    except (IntegrityError, UpgradeRequired) as error:
        return Moved(one.project, artifact, "unreadable", str(error))
    return Moved(one.project, artifact, "ok")


def _size(ws: Workspace, bucket: str, artifact: ArtifactInfo) -> tuple[int, int]:
    """Files and bytes of an upload without manifest."""
    entries = [entry for entry in ws.plane.entries(bucket, artifact.ref, None) if entry.type == "file"]
    return len(entries), sum(entry.size for entry in entries)
