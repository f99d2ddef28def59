"""What every tracker with the capabilities `records` and `queries` must do; free of pytest.

Each check works in a project of its own and raises :class:`Broken` with what went wrong.
"""

import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from wabucketref.contracts.tracker import Tracker
from wabucketref.errors import Conflict, NotFound, Unsupported, WaBucketError
from wabucketref.model.artifact import LoggedArtifact
from wabucketref.model.reference import ArtifactRef
from wabucketref.model.run import ConsoleLine, HistoryRow, RunKey, RunState, RunUpdate

OpenTracker = Callable[[], Tracker]

BUCKET: Final = "memory://conformance"
WRITERS: Final = 8


class Broken(Exception):
    """A promise of the contract is not kept."""


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


def same(found: object, wanted: object, what: str) -> None:
    """Raise Broken unless both are equal."""
    if found != wanted:
        raise Broken(f"{what}: {found!r} instead of {wanted!r}")


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


def runs_merge(bench: Bench) -> None:
    """Config and summary are merged key by key, special numbers survive, tags are replaced."""
    huge = {"big": 10**40, "nan": float("nan"), "inf": float("-inf"), "text": "\0ä"}
    key = bench.run(config={"a": 1, "b": {"c": 2}}, summary=huge, tags=("x",), name="first")
    bench.run(config={"b": 3}, config_removed=("a",), tags=("y", "z"), job_type="train")
    found = bench.tracker.get_run(key)
    same((found.name, found.job_type, found.state), ("first", "train", RunState.RUNNING), "the run")
    same((dict(found.config), found.tags), ({"b": 3}, ("y", "z")), "config and tags")
    same({k: str(v) for k, v in found.summary.items()}, {k: str(v) for k, v in huge.items()}, "summary")
    same(found.created.utcoffset() is not None, True, "a moment has a time zone")
    refused(lambda: bench.tracker.get_run(RunKey(*bench.project, "rum")), NotFound, "run")


def runs_end_once(bench: Bench) -> None:
    """The first end counts, save that any end replaces crashed."""
    key = bench.run()
    bench.tracker.finish_run(key, RunState.CRASHED, 1)
    bench.tracker.finish_run(key, RunState.FINISHED, 0)
    bench.tracker.finish_run(key, RunState.FAILED, 3)
    bench.run(notes="late")
    found = bench.tracker.get_run(key)
    same((found.state, found.exit_code, found.notes), (RunState.FINISHED, 0, "late"), "the end")


def rows_once(bench: Bench) -> None:
    """A history row or console line with an index seen before is ignored; rows come back in order."""
    key = bench.run()
    rows = [HistoryRow(index, 10**18 + index, index / 3, {"loss": index}) for index in range(5)]
    bench.tracker.append_history(key, rows[:3] if bench.able.settles_at_end else rows[2:])
    bench.tracker.append_history(key, rows)
    bench.tracker.append_history(key, [HistoryRow(1, 0, 0.0, {"loss": "other"})])
    bench.tracker.append_history(key, [])
    lines = [ConsoleLine(0, "stdout", 1.0, "\x1b[1mhi")]
    bench.tracker.append_console(key, lines)
    bench.tracker.append_console(key, lines)
    if bench.able.settles_at_end:
        bench.tracker.finish_run(key, RunState.FINISHED, 0)
        same([row.values for row in bench.tracker.history(key)], [row.values for row in rows], "history")
        return
    same(list(bench.tracker.history(key)), rows, "history")
    same(dict(bench.tracker.get_run(key).summary), {}, "history leaves the summary alone")


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
    runs_merge,
    runs_end_once,
    rows_once,
    versions_dense,
    resolving_order,
    aliases_move,
    removal,
    lineage_one_step,
)


def concurrent_versions(open_tracker: OpenTracker, entity: str = "conformance") -> None:
    """Writers on their own connections: numbers are dense and unique, `latest` is the highest."""
    with closing(open_tracker()) as tracker:
        bench = Bench(tracker, entity)
        found: list[str | None] = []

        def write(number: int) -> None:
            with closing(open_tracker()) as mine:
                key = RunKey(*bench.project, f"run-{number}")
                mine.upsert_run(RunUpdate(key))
                found.extend(mine.log_artifact(key, logged(f"a{number}-{n}", f"{number}-{n}")).version for n in (1, 2))
                found.append(mine.log_artifact(key, logged("shared", "shared", xid=f"s{number}")).version)

        _together([lambda n=number: write(n) for number in range(WRITERS)])  # type: ignore[misc]
        total = 2 * WRITERS + 1
        same(len(found), 3 * WRITERS, "writers that got through")
        same({*found}, {f"v{number}" for number in range(total)}, "version numbers")
        if bench.able.latest_is_newest:
            same(bench.version("latest"), f"v{total - 1}", "latest")
        else:  # whichever was logged last; the one that all logged, or a writer's own
            same(bench.version("latest") in found, True, "latest is one of them")


def run_tracker_checks(open_tracker: OpenTracker, entity: str = "conformance") -> dict[str, str | None]:
    """Every check by name, with what is broken or None. `entity`: where the tracker may make projects."""
    found: dict[str, str | None] = {}
    for check in CHECKS:
        with closing(open_tracker()) as tracker:
            found[check.__name__] = _outcome(lambda: check(Bench(tracker, entity)))  # noqa: B023
    found[concurrent_versions.__name__] = _outcome(lambda: concurrent_versions(open_tracker, entity))
    return found


def keeps_nothing(tracker: Tracker) -> None:
    """A tracker without `records` and `queries`: writes are answered from their arguments, questions are refused."""
    bench = Bench(tracker)
    key = bench.run(name="n", config={"a": 1})
    same(bench.log(key, "a"), None, "a version")
    same(tracker.use_artifact(key, "u", logged("a", "a")).uri, logged("a", "a").uri, "the uri")
    tracker.append_history(key, [HistoryRow(0, 0, 0.0, {})])
    tracker.append_console(key, [ConsoleLine(0, "stderr", 0.0, "")])
    tracker.finish_run(key, RunState.FINISHED, 0)
    tracker.remove_artifact(ref("a"), bench.project, BUCKET)
    questions: Sequence[Callable[[], object]] = (
        lambda: tracker.resolve(ref("a"), bench.project),
        lambda: tracker.list_artifacts(bench.project),
        lambda: tracker.lineage(ref("a"), bench.project),
        lambda: tracker.list_runs(bench.project),
        lambda: tracker.get_run(key),
        lambda: tracker.history(key),
        lambda: tracker.set_aliases(ref("a"), bench.project, BUCKET, ["x"]),
        lambda: tracker.remove_alias(ref("a"), bench.project, BUCKET),
    )
    for question in questions:
        refused(question, Unsupported, "--tracker")


def _outcome(check: Callable[[], None]) -> str | None:
    try:
        check()
    except (Broken, WaBucketError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def _together(calls: Sequence[Callable[[], None]]) -> None:
    """Run all at once, each in a thread; raise the first error."""
    with ThreadPoolExecutor(len(calls)) as pool:
        for running in [pool.submit(call) for call in calls]:
            running.result()
