"""What every tracker must do, by ``contracts/tracker.py``; capabilities are tested both ways. Free of pytest.

Each check works in a project of its own and raises :class:`Broken` with what went wrong.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from wabucketref.conformance import tracker_artifacts, tracker_found, tracker_moved, tracker_runs
from wabucketref.conformance.results import CheckResult, NotApplicable, run_check, same
from wabucketref.conformance.tracker_bench import BUCKET, Bench, OpenTracker, logged, ref, refused, together
from wabucketref.contracts.tracker import Tracker
from wabucketref.errors import Unsupported, UsageError
from wabucketref.model.run import ConsoleLine, HistoryRow, RunKey, RunState, RunUpdate

Check = Callable[[Bench], None]
WRITERS: Final = 8


def version_aliases(bench: Bench) -> None:
    """An alias of the form ``vN`` is refused before a byte is sent, or taken, as the capability says."""
    key = bench.run()
    if bench.able.refuses_version_aliases:
        refused(lambda: bench.tracker.check_artifact(key, "kind", "model", "v7"), UsageError)
    else:
        bench.tracker.check_artifact(key, "kind", "model", "v7")
    bench.tracker.check_artifact(key, "kind", "model", "V7")


def refuses_questions(bench: Bench) -> None:
    """Without ``queries`` every question is refused, with what to do; writes are answered from their arguments."""
    if bench.able.queries:
        raise NotApplicable("it answers questions")
    keeps_nothing(bench.tracker)


CHECKS: Final[Sequence[Check]] = (
    *tracker_runs.CHECKS,
    *tracker_artifacts.CHECKS,
    *tracker_found.CHECKS,
    *tracker_moved.CHECKS,
    version_aliases,
    refuses_questions,
)
_ALWAYS: Final = (refuses_questions, version_aliases)


@dataclass(frozen=True, slots=True)
class TrackerChecks:
    """The checks on one tracker. `open_tracker` makes a new connection each time it is called."""

    open_tracker: OpenTracker
    entity: str = "conformance"
    """Where the tracker may make projects."""

    def run(self, check: Check) -> CheckResult:
        """One check on a connection of its own."""

        def carry_out() -> None:
            with closing(self.open_tracker()) as tracker:
                bench = Bench(tracker, self.entity)
                if check not in _ALWAYS and not (bench.able.records and bench.able.queries):
                    raise NotApplicable("it keeps nothing that could be asked for")
                check(bench)

        return run_check(check.__name__, carry_out)

    def run_together(self) -> CheckResult:
        """Writers on connections of their own."""

        def carry_out() -> None:
            with closing(self.open_tracker()) as tracker:
                if not (tracker.capabilities.records and tracker.capabilities.queries):
                    raise NotApplicable("it keeps nothing that could be asked for")
            concurrent_versions(self.open_tracker, self.entity)

        return run_check(concurrent_versions.__name__, carry_out)


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

        together([lambda n=number: write(n) for number in range(WRITERS)])  # type: ignore[misc]
        total = 2 * WRITERS + 1
        same(len(found), 3 * WRITERS, "writers that got through")
        same({*found}, {f"v{number}" for number in range(total)}, "version numbers")
        if bench.able.latest_is_newest:
            same(bench.version("latest"), f"v{total - 1}", "latest")
        else:  # whichever was logged last; the one that all logged, or a writer's own
            same(bench.version("latest") in found, True, "latest is one of them")


def run_tracker_checks(open_tracker: OpenTracker, entity: str = "conformance") -> dict[str, str | None]:
    """Every check by name, with what is broken or None. `entity`: where the tracker may make projects."""
    suite = TrackerChecks(open_tracker, entity)
    results = [*(suite.run(check) for check in CHECKS), suite.run_together()]
    return {result.name: result.text if result.state == "broken" else None for result in results}


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
