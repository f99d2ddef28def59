"""Checks of trackers whose records can follow a bucket."""

from collections.abc import Callable, Sequence
from typing import Final

from wabucketref.conformance.results import NotApplicable, must, same
from wabucketref.conformance.tracker_bench import Bench, logged, ref, refused
from wabucketref.contracts.tracker_buckets import RelocatableTracker
from wabucketref.errors import Conflict, NotFound, TransientError


def records_follow(bench: Bench) -> None:
    """All that is recorded in one bucket is recorded in the other as it was; what was met there is the same version."""
    tracker, key, (old, new) = _tracker(bench), bench.run(), _places(bench)
    for alias in ("a", "b", "c"):
        tracker.log_artifact(key, logged(alias, alias, bucket=old))
    tracker.set_aliases(ref("a"), bench.project, old, ["prod"])
    tracker.remove_artifact(ref("b"), bench.project, old)
    tracker.use_artifact(key, "use", logged("a", "a", bucket=new))
    seen = tracker.recorded_in(old)
    same([(one.project, one.artifact.alias) for one in seen], [(bench.project, "c"), (bench.project, "a")], "recorded")
    refused(lambda: tracker.relocate(old, new, seen[1:]), TransientError)
    tracker.relocate(old, new, seen)
    same(tracker.recorded_in(old), [], "what is left in the old place")
    found = {name: tracker.resolve(ref(name), bench.project, new) for name in ("prod", "latest", "v0")}
    same({name: one.version for name, one in found.items()}, {"prod": "v0", "latest": "v2", "v0": "v0"}, "versions")
    must(found["prod"].uri.startswith(f"{new}/"), f"it lies at {found['prod'].uri}")
    refused(lambda: tracker.resolve(ref("v1"), bench.project, new), NotFound, "removed")
    same(tracker.get_run(key).inputs, ("kind/model:a",), "what the run used")
    same([one.version for one in tracker.list_artifacts(bench.project)], ["v2", "v0"], "versions")


def names_in_the_way(bench: Bench) -> None:
    """A name that means other content in the new place is a conflict, and nothing changes."""
    tracker, key, (old, new) = _tracker(bench), bench.run(), _places(bench)
    for alias, bucket in (("a", old), ("b", new)):
        tracker.log_artifact(key, logged(alias, alias, bucket=bucket))
        tracker.set_aliases(ref(alias), bench.project, bucket, ["prod"])
    seen = tracker.recorded_in(old)
    refused(lambda: tracker.relocate(old, new, seen), Conflict, "prod")
    same(tracker.recorded_in(old), seen, "what is recorded in the old place")


def _tracker(bench: Bench) -> RelocatableTracker:
    if not bench.able.relocates:
        raise NotApplicable("its records cannot follow a bucket")
    tracker: RelocatableTracker = bench.tracker  # type: ignore[assignment]
    return tracker


def _places(bench: Bench) -> tuple[str, str]:
    """Two buckets of this check alone: what follows is of all projects."""
    return f"memory://{bench.project[1]}-old", f"memory://{bench.project[1]}-new"


CHECKS: Final[Sequence[Callable[[Bench], None]]] = (records_follow, names_in_the_way)
