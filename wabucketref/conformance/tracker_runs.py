"""Checks of runs: merged, ended once, their rows once."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from wabucketref.conformance.results import same
from wabucketref.conformance.tracker_bench import Bench, refused
from wabucketref.errors import NotFound
from wabucketref.model.run import ConsoleLine, HistoryRow, RunFilter, RunKey, RunState


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


def runs_found(bench: Bench) -> None:
    """Runs are found by tag, by the job around them and by the beginning of their commit; conditions add up."""

    def found(**conditions: Any) -> list[str]:
        return sorted(one.id for one in bench.tracker.list_runs(bench.project, RunFilter(**conditions)))

    def start(run_id: str, job_id: str, commit: str, *more: str) -> None:
        job = {
            "cicd.pipeline.task.run.id": job_id,
            "slurm.cicd.pipeline.task.run.id": "7",
            "vcs.ref.head.revision": commit,
        }
        tags = (f"job_id:{job_id}", "job_id:7", *more)
        key = bench.run(run_id, tags=tags, job=job, config={"job": job})
        bench.tracker.finish_run(key, RunState.FINISHED, 0)

    start("one", "1", "4f1c" + "0" * 36, "blue")
    start("two", "2", "4f1d" + "0" * 36, "blue", "red")
    bench.run("bare")
    same(found(), ["bare", "one", "two"], "all runs")
    same(found(tags=("blue",)), ["one", "two"], "the runs with a tag")
    same(found(tags=("blue", "red")), ["two"], "the runs with both tags")
    same(found(job_id="1"), ["one"], "the runs of a job")
    same(found(job_id="7"), ["one", "two"], "the runs of a job inside which others ran")
    same(found(commit="4f1"), ["one", "two"], "the runs of a commit")
    same(found(commit="4f1d" + "0" * 36, tags=("blue",)), ["two"], "the runs of a commit with a tag")
    same(found(commit="4f1d0", job_id="1"), [], "the runs of another job's commit")
    bench.run("two", tags=("red",))
    same(found(tags=("blue",)), ["one"], "the runs that still have the tag")


CHECKS: Final[Sequence[Callable[[Bench], None]]] = (runs_merge, runs_end_once, runs_found, rows_once)
