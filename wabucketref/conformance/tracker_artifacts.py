"""Checks of artifacts: versions, names, removal, lineage."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from wabucketref.conformance.results import same
from wabucketref.conformance.tracker_bench import BUCKET, Bench, logged, ref, refused
from wabucketref.errors import Conflict, NotFound


def versions_dense(bench: Bench) -> None:
    """Distinct content makes the next version, equal content or xid does not; `latest` follows."""
    first, second = bench.run("one"), bench.run("two")
    same([bench.log(first, alias) for alias in ("a", "b", "c")], ["v0", "v1", "v2"], "versions")
    same(bench.log(first, "b"), "v1", "the same xid again")
    same(bench.log(second, "b", xid="another"), "v1", "equal content from another run")
    same(bench.version("latest"), "v2" if bench.able.latest_is_newest else "v1", "latest")
    same(bench.tracker.get_run(second).outputs, ("kind/model:b",), "outputs of the second run")
    found = bench.tracker.resolve(ref("c"), bench.project, BUCKET)
    wanted, names = logged("c", "c"), ("c", "latest") if bench.able.latest_is_newest else ("c",)
    same((found.digest, found.uri, found.files, found.bytes), (wanted.digest, wanted.uri, 2, 1 << 40), "facts")
    same((found.created, found.metadata, found.aliases), (wanted.created, wanted.metadata, names), "facts")
    listed = bench.tracker.list_artifacts(bench.project, "kind", "model")
    same([one.version for one in listed], ["v2", "v1", "v0"], "newest first")


def resolving_order(bench: Bench) -> None:
    """An alias goes before a number; a bucket narrows; without one the newest counts; a miss names the nearest."""
    key = bench.run()
    second = "other" if bench.able.refuses_version_aliases else "v0"
    bench.log(key, "champion")
    bench.log(key, second)
    bench.tracker.log_artifact(key, logged("champion", "elsewhere", bucket="memory://other"))
    same(bench.version(second), "v1", "an alias, though it looks like a number")
    same(bench.version("champion"), "v0", "within the bucket")
    same(bench.version("champion", None), "v2", "in any bucket")
    same(bench.version("latest"), "v1", "latest of the bucket")
    same(bench.version("latest", None), "v2", "latest of all")
    refused(lambda: bench.version("champoin"), NotFound, "champion")
    refused(lambda: bench.version("v2"), NotFound)
    refused(lambda: bench.tracker.resolve(ref("x", "modle"), bench.project), NotFound, "kind/model")
    refused(lambda: bench.tracker.resolve(ref("x"), (bench.project[0], "no-such-project")), NotFound)


def aliases_move(bench: Bench) -> None:
    """Added names move; the first alias, `latest` and numbers stay."""
    tracker, key = bench.tracker, bench.run()
    bench.log(key, "a")
    bench.log(key, "b")
    tracker.set_aliases(ref("a"), bench.project, BUCKET, ["prod", "best"])
    found = tracker.set_aliases(ref("v1"), bench.project, BUCKET, ["prod", "b"])
    same(found.aliases, ("b", "prod", "latest"), "names of v1")
    same(bench.version("best"), "v0", "a name that was not moved")
    refused(lambda: tracker.set_aliases(ref("b"), bench.project, BUCKET, ["new", "a"]), Conflict)
    refused(lambda: bench.version("new"), NotFound)
    tracker.remove_alias(ref("prod"), bench.project, BUCKET)
    for kept in ("latest", "v0", "a"):
        refused(lambda name=kept: tracker.remove_alias(ref(name), bench.project, BUCKET), Conflict)  # type: ignore[misc]
    refused(lambda: tracker.remove_alias(ref("prod"), bench.project, BUCKET), NotFound)
    refused(lambda: tracker.set_aliases(ref("nothing"), bench.project, BUCKET, ["x"]), NotFound)


def removal(bench: Bench) -> None:
    """A removed version resolves no more and says so; its number is not given again; lineage still names it."""
    tracker, key = bench.tracker, bench.run()
    bench.log(key, "a")
    bench.log(key, "b")
    tracker.remove_artifact(replace(ref("b"), digest=logged("b", "other").digest), bench.project, BUCKET)
    same(bench.version("b"), "v1", "what was removed was other content")
    for _ in range(2):
        tracker.remove_artifact(replace(ref("b"), digest=logged("b", "b").digest), bench.project, BUCKET)
    same(bench.version("latest"), "v0", "latest moved to what is left")
    if not bench.able.keeps_removed:
        refused(lambda: bench.version("v1"), NotFound)
        refused(lambda: bench.version("b"), NotFound)
        return
    refused(lambda: bench.version("v1"), NotFound, "v1 was removed")
    refused(lambda: bench.version("b"), NotFound, "v1 was removed")
    same(bench.log(key, "b"), "v1", "a replay does not bring it back")
    refused(lambda: bench.version("b"), NotFound)
    same(bench.log(key, "b", xid="again"), "v2", "the same content uploaded again")
    same(bench.version("latest"), "v2", "latest")
    same(tracker.get_run(key).outputs, ("kind/model:a", "kind/model:b"), "outputs")
    same([one.version for one in tracker.list_artifacts(bench.project)], ["v2", "v0"], "what is listed")


def lineage_one_step(bench: Bench) -> None:
    """Producer, users, and artifacts one step up and down; a use is idempotent; unknown inputs are recorded."""
    tracker = bench.tracker
    prepare, train, deploy = bench.run("prepare"), bench.run("train"), bench.run("deploy")
    raw, model = logged("raw", "raw", name="data"), logged("m", "m")
    tracker.use_artifact(prepare, "u0", logged("seed", "seed", name="seed"))
    tracker.log_artifact(prepare, raw)
    for _ in range(2):
        tracker.use_artifact(train, "u1", raw)
    tracker.log_artifact(train, model)
    tracker.use_artifact(deploy, "u2", model)
    tracker.log_artifact(deploy, logged("i", "i", name="image"))
    found = tracker.lineage(ref("m"), bench.project)
    same(found.produced_by and found.produced_by.id, "train", "producer")
    same([run.id for run in found.used_by], ["deploy"], "users")
    same([one.name for one in found.upstream], ["data"], "upstream")
    same([one.name for one in found.downstream], ["image"], "downstream")
    seed = tracker.lineage(ref("seed", "seed"), bench.project)
    same((seed.produced_by, [run.id for run in seed.used_by]), (None, ["prepare"]), "an input from elsewhere")
    same(tracker.get_run(train).inputs, ("kind/data:raw",), "inputs, once")


CHECKS: Final[Sequence[Callable[[Bench], None]]] = (
    versions_dense,
    resolving_order,
    aliases_move,
    removal,
    lineage_one_step,
)
