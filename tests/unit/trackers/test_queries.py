"""Reading stays quick when there is much: a fixed number of statements, each by index."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from sqlalchemy import event, text

from tests.unit.trackers.helpers import BUCKET, PROJECT, WHEN, ref, run, upload
from wabucketref.errors import NotFound
from wabucketref.model.run import HistoryRow, RunKey, RunState
from wabucketref.trackers.embedded import schema
from wabucketref.trackers.embedded.tracker import EmbeddedTracker

BIG = ("run", "history", "artifact_version", "artifact_alias", "run_use", "run_output")


@contextmanager
def statements(tracker: EmbeddedTracker) -> Iterator[list[tuple[str, Any]]]:
    """What is sent to the database meanwhile."""
    found: list[tuple[str, Any]] = []
    engine = tracker._links.catalog._current()

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        found.append((statement, parameters))

    def note_text(statement: str) -> None:
        """With the values in it."""
        if not statement.startswith(("PRAGMA", "BEGIN", "COMMIT")):
            found.append((statement, ()))

    (link,) = tracker._links._idle
    link.set_trace_callback(note_text)
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)
        link.set_trace_callback(None)


def fill(tracker: EmbeddedTracker, versions: int, runs: int) -> None:
    """Versions of one artifact, all made by run r0; and runs that each use v0 and make one version."""
    first = run(tracker, "r0")
    tracker.log_artifact(first, upload("a0"))
    facts = {"files": 1, "bytes": 1, "metadata": {"acc": 0.5}, "created": WHEN, "linked": False, "uri": "u"}
    with tracker._links.catalog.write() as connection:
        connection.execute(
            schema.version.insert(),
            [
                {"id": n + 1, "sequence_pk": 1, "number": n, "bucket": BUCKET, "digest": f"d{n}", "content": f"d{n}"}
                | {"alias": f"a{n}", "producer_pk": 1}
                | facts
                for n in range(1, versions)
            ],
        )
        connection.execute(schema.sequence.update().values(next_number=versions))
        connection.execute(
            schema.alias.insert(),
            [{"sequence_pk": 1, "alias": f"a{n}", "bucket": BUCKET, "version_pk": n + 1} for n in range(1, versions)],
        )
        common = {"project_pk": 1, "state": "finished", "created": WHEN, "tags": [], "config": {"lr": 1}, "summary": {}}
        rows = [{"id": n + 1, "run_id": f"r{n}", "name": f"n{n}"} | common for n in range(1, runs)]
        connection.execute(schema.run.insert(), rows)
        links = [{"run_pk": n + 1, "xid": f"x{n}"} for n in range(1, runs)]
        connection.execute(schema.run_use.insert(), [one | {"version_pk": 1} for one in links])
        connection.execute(schema.run_output.insert(), [one | {"version_pk": n + 2} for n, one in enumerate(links)])


QUESTIONS: dict[str, tuple[Callable[[EmbeddedTracker], object], int]] = {
    "ls": (lambda tracker: tracker.list_artifacts(PROJECT), 3),
    "ls of one": (lambda tracker: tracker.list_artifacts(PROJECT, "model", "net"), 3),
    "show": (lambda tracker: tracker.resolve(ref("a7"), PROJECT, BUCKET), 5),
    "show in any bucket": (lambda tracker: tracker.resolve(ref("latest"), PROJECT), 5),
    "show by number": (lambda tracker: tracker.resolve(ref("v7"), PROJECT), 6),
    "lineage": (lambda tracker: tracker.lineage(ref("a0"), PROJECT), 17),
    "runs": (lambda tracker: tracker.list_runs(PROJECT), 4),
    "one run": (lambda tracker: tracker.get_run(RunKey(*PROJECT, "r5")), 4),
    "history": (lambda tracker: tracker.history(RunKey(*PROJECT, "r5")), 2),
}
WRITES: dict[str, Callable[[EmbeddedTracker], object]] = {
    "log": lambda tracker: tracker.log_artifact(RunKey(*PROJECT, "r3"), upload("new")),
    "log again": lambda tracker: tracker.log_artifact(RunKey(*PROJECT, "r3"), upload("a0")),
    "use": lambda tracker: tracker.use_artifact(RunKey(*PROJECT, "r3"), "u", upload("a0")),
    "history": lambda tracker: tracker.append_history(RunKey(*PROJECT, "r3"), [HistoryRow(0, 0, 0.0, {})]),
    "finish": lambda tracker: tracker.finish_run(RunKey(*PROJECT, "r3"), RunState.FINISHED, 0),
    "alias": lambda tracker: tracker.set_aliases(ref("a5"), PROJECT, BUCKET, ["prod"]),
    "rm": lambda tracker: tracker.remove_artifact(ref("a5"), PROJECT, BUCKET),
}


def scans(tracker: EmbeddedTracker, sent: list[tuple[str, Any]]) -> list[str]:
    """Steps of the query plans that walk over a whole big table."""
    found: list[str] = []
    with tracker._links.catalog.read() as connection:
        for statement, parameters in sent:
            if statement.lstrip().startswith(("PRAGMA", "BEGIN")):
                continue
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            found += [f"{step[3]} IN {statement}" for step in plan if step[3].startswith("SCAN ")]
    return [one for one in found if one.split()[1] in BIG]


@pytest.mark.row("L5")
@pytest.mark.parametrize("question", QUESTIONS)
def test_reading_goes_by_index_in_few_statements(tracker: EmbeddedTracker, question: str) -> None:
    fill(tracker, 300, 200)
    ask, most = QUESTIONS[question]
    with statements(tracker) as sent:
        ask(tracker)
    assert len(sent) <= most, "\n\n".join(statement for statement, _ in sent)
    assert scans(tracker, sent) == []


@pytest.mark.parametrize("write", WRITES)
def test_writing_goes_by_index(tracker: EmbeddedTracker, write: str) -> None:
    fill(tracker, 300, 200)
    with statements(tracker) as sent:
        WRITES[write](tracker)
    assert len(sent) <= 18, "\n\n".join(statement for statement, _ in sent)
    assert scans(tracker, [one for one in sent if not isinstance(one[1], list)]) == []


def test_a_miss_goes_by_index(tracker: EmbeddedTracker) -> None:
    fill(tracker, 300, 200)
    with statements(tracker) as sent:
        for alias in ("a1000", "v1000"):
            with pytest.raises(NotFound):
                tracker.resolve(ref(alias), PROJECT)
    assert scans(tracker, sent) == []


@pytest.mark.row("L5")
def test_ten_thousand_versions(tracker: EmbeddedTracker) -> None:
    fill(tracker, 10_000, 1000)
    listed = tracker.list_artifacts(PROJECT)
    assert len(listed) == 10_000
    assert (listed[0].version, listed[-1].version) == ("v9999", "v0")
    found = tracker.lineage(ref("a0"), PROJECT)
    assert len(found.used_by) == 999
    assert {one.version for one in found.downstream} == {f"v{n}" for n in range(1, 1000)}
    assert found.used_by[-1].inputs == ("model/net:a0",)


def test_names_are_compared_exactly(tracker: EmbeddedTracker) -> None:
    key = run(tracker)
    tracker.log_artifact(key, upload("Best"))
    with pytest.raises(NotFound) as caught:
        tracker.resolve(ref("best"), PROJECT)
    assert caught.value.hint == "did you mean model/net:Best?"


def test_foreign_keys_hold(url: str) -> None:
    with closing(EmbeddedTracker(url)) as tracker:
        fill(tracker, 20, 10)
        with tracker._links.catalog.read() as connection:
            assert connection.execute(text("PRAGMA foreign_key_check")).all() == []


def test_thousands_of_rows_go_in_few_statements_and_each_is_kept_once(tracker: EmbeddedTracker) -> None:
    key = run(tracker, "r0")
    rows = [HistoryRow(index, index, index / 3, {"n": index}) for index in range(1000)]
    tracker.append_history(key, rows[100:150])
    with statements(tracker) as sent:
        tracker.append_history(key, [HistoryRow(120, 0, 0.0, {"n": "other"}), *rows])
    assert sum("INSERT" in statement for statement, _ in sent) <= 7
    assert tracker.history(key) == rows
