"""Checks of trackers that can be filled from a bucket."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from wabucketref.conformance.results import NotApplicable, must, same
from wabucketref.conformance.tracker_bench import BUCKET, Bench, logged, ref
from wabucketref.contracts.tracker import AliasHeld
from wabucketref.contracts.tracker_buckets import Added, FoundUpload, RebuildableTracker
from wabucketref.model.artifact import LoggedArtifact, Standing
from wabucketref.model.run import RunKey, RunState


def found_uploads(bench: Bench) -> None:
    """Uploads found are versions in the order given, with runs that have ended; again, nothing is new."""
    tracker = _tracker(bench)
    uploads = [_found(bench, logged(alias, alias), run=alias) for alias in ("a", "b")]
    uploads.append(_found(bench, replace(logged("old", ""), digest="", xid="")))
    uploads.append(replace(_found(bench, logged("c", "c"), run="open"), under_way=True))
    same(
        tracker.add_found(uploads),
        [Added(True, True), Added(True, True), Added(True, False), Added(True, True)],
        "what was new",
    )
    same(
        [bench.version(alias) for alias in ("a", "b", "old", "c", "latest")], ["v0", "v1", "v2", "v3", "v3"], "versions"
    )
    first = tracker.lineage(ref("a"), bench.project, BUCKET).produced_by
    must(first is not None, "nobody made what was found")
    assert first is not None
    same((first.id, first.state, first.exit_code), ("a", RunState.FINISHED, 0), "the run of what was found")
    same((first.created, first.finished), (uploads[0].artifact.created, uploads[0].committed), "its times")
    must(BUCKET in (first.notes or ""), "its notes do not say where it is known from")
    same(tracker.get_run(RunKey(*bench.project, "open")).state, RunState.RUNNING, "a run that has not ended")
    same(tracker.lineage(ref("old"), bench.project, BUCKET).produced_by, None, "who made what names no run")
    same(tracker.add_found(uploads), [Added(False, False)] * 4, "what was new the second time")
    same(len(tracker.list_artifacts(bench.project)), 4, "versions the second time")


def found_beside_known(bench: Bench) -> None:
    """What is known stays as it is; an alias is taken only from the holder that was asked about."""
    tracker, key = _tracker(bench), bench.run("known", notes="mine")
    bench.log(key, "a")
    tracker.set_aliases(ref("a"), bench.project, BUCKET, ["prod"])
    same(tracker.add_found([_found(bench, logged("a", "a"), run="known")]), [Added(False, False)], "what was new")
    same((bench.version("prod"), tracker.get_run(key).notes), ("v0", "mine"), "what was known")
    other = _found(bench, logged("a", "other"), run="other")
    (held,) = tracker.add_found([other])
    must(isinstance(held, AliasHeld), "the alias was taken from other content without asking")
    assert isinstance(held, AliasHeld)
    same(len(tracker.list_artifacts(bench.project)), 1, "versions after the refusal")
    told = replace(other, artifact=replace(other.artifact, standing=Standing(holder=held.holder)))
    same(tracker.add_found([told]), [Added(True, True)], "what was new")
    same((bench.version("a"), bench.version("latest")), ("v1", "v1"), "the alias")


def found_again(bench: Bench) -> None:
    """What was removed and is in the bucket again is a version again, once."""
    tracker, key = _tracker(bench), bench.run()
    bench.log(key, "a", xid="x")
    tracker.remove_artifact(ref("a"), bench.project, BUCKET)
    upload = _found(bench, logged("a", "a", xid="x"), run=key.run_id)
    same(tracker.add_found([upload]), [Added(True, False)], "what was new")
    same(tracker.add_found([upload]), [Added(False, False)], "what was new the second time")
    same([one.version for one in tracker.list_artifacts(bench.project)], ["v1"], "versions")


def _tracker(bench: Bench) -> RebuildableTracker:
    if not bench.able.rebuilds:
        raise NotApplicable("it cannot be filled from a bucket")
    tracker: RebuildableTracker = bench.tracker  # type: ignore[assignment]
    return tracker


def _found(bench: Bench, artifact: LoggedArtifact, *, run: str | None = None) -> FoundUpload:
    key = RunKey(*bench.project, run) if run is not None else None
    committed = artifact.created + timedelta(minutes=1)
    return FoundUpload(replace(artifact, standing=Standing()), bench.project, key, committed)


CHECKS: Final[Sequence[Callable[[Bench], None]]] = (found_uploads, found_beside_known, found_again)
