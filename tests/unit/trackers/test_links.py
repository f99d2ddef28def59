"""The catalog asked in text: the connections for it, and that it says the same as what is composed."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.trackers.helpers import BUCKET, PROJECT, ref, run, upload
from wabucketref.errors import NotFound, WaBucketError
from wabucketref.model.run import RunKey, RunState, RunUpdate
from wabucketref.trackers.embedded.links import REVISIONS, Links
from wabucketref.trackers.embedded.migrate import SHIPPED
from wabucketref.trackers.embedded.rows import ensure, ensure_project, insert, insert_many, update
from wabucketref.trackers.embedded.sql import ask, scalar
from wabucketref.trackers.embedded.tracker import EmbeddedTracker

ROOT = Path(__file__).parents[3]


@pytest.fixture
def links(tracker: EmbeddedTracker) -> Links:
    return tracker._links


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, url: str) -> Iterator[EmbeddedTracker]:
    """A tracker on each database."""
    with closing(EmbeddedTracker(request.getfixturevalue("postgres_url" if "post" in request.param else "url"))) as one:
        yield one


def test_connections_are_as_the_engines(links: Links) -> None:
    pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    with links.read() as link:
        here = [scalar(link, f"PRAGMA {name}") for name in pragmas]
    with links.catalog.read() as connection:
        there = [scalar(connection, f"PRAGMA {name}") for name in pragmas]
    assert here == there == ["wal", 2, 1, 30_000]


def test_what_fails_leaves_nothing_and_the_next_goes_on(links: Links) -> None:
    def fails(last: str) -> None:
        with links.write() as link:
            ensure_project(link, ("x", "y"))
            ask(link, last)
            raise NotFound("no")

    with pytest.raises(NotFound):
        fails("SELECT 1")
    with pytest.raises(WaBucketError, match="no such table"):
        fails("SELECT 1 FROM nowhere")
    with links.write() as link:
        assert ask(link, "SELECT name FROM entity") == []
        ensure_project(link, ("x", "y"))
    with links.read() as link:
        assert ask(link, "SELECT name FROM entity") == [("x",)]


@pytest.mark.row("X16")
def test_only_names_and_bound_values_become_part_of_a_statement(links: Links) -> None:
    with links.write() as link:
        for bad in ("run; DROP TABLE run", "run --", "a b", "", "a)", '"run"'):
            calls: list[Callable[[], object]] = [
                lambda bad=bad: ensure(link, bad, {"name": "x"}),
                lambda bad=bad: ensure(link, "entity", {bad: "x"}),
                lambda bad=bad: insert(link, bad, {"name": "x"}),
                lambda bad=bad: insert(link, "entity", {bad: "x"}),
                lambda bad=bad: insert_many(link, bad, ["name"], [("x",)]),
                lambda bad=bad: insert_many(link, "entity", [bad], [("x",)]),
                lambda bad=bad: update(link, bad, 1, {"name": "x"}),
                lambda bad=bad: update(link, "entity", 1, {bad: "x"}),
            ]
            for call in calls:
                with pytest.raises(ValueError, match="no name of a table or column"):
                    call()
        pk = ensure(link, "entity", {"name": "x'; DROP TABLE entity; --"})
        assert scalar(link, "SELECT name FROM entity WHERE id = :pk", pk=pk) == "x'; DROP TABLE entity; --"


def test_one_connection_is_kept_and_more_are_had_at_once(links: Links) -> None:
    with links.read() as first, links.read() as second:
        assert first is not second
    with links.read() as again:
        assert again in (first, second)
    other = second if again is first else first
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        other.execute("SELECT 1")


def test_a_catalog_that_was_just_made_keeps_one_connection_open(url: str) -> None:
    with closing(EmbeddedTracker(url)) as tracker:
        tracker.check_artifact(RunKey(*PROJECT, "r"), "model", "net", "one")
        run(tracker)
        places = [os.readlink(one) for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
        file = url.removeprefix("sqlite:///")
        ours = [place.removeprefix(file) for place in places if place.startswith(file)]
        # SQLite keeps a descriptor of a closed connection as long as another of this process has locks on the file
        assert sorted(set(ours)) == ["", "-shm", "-wal"]
        assert len(ours) <= 4


def test_the_newest_revision_is_known_to_both() -> None:
    assert SHIPPED.revisions == REVISIONS
    assert len(list((SHIPPED.location / "versions").glob("[0-9]*.py"))) == len(REVISIONS)


def test_text_and_what_is_composed_read_the_same(either: EmbeddedTracker) -> None:
    facts = {"job_type": "train", "group": "g", "notes": "n\u20ac", "tags": ("a", "b"), "config": {"lr": 10**400}}
    key, used = run(either, "r1", **facts, job={"cicd.pipeline.run.id": "7"}), run(either, "r2")
    logged = either.log_artifact(key, upload("a1", metadata={"f1": float("inf"), "\0": "\ud800"}, linked=True))
    either.use_artifact(used, "x", upload("a1", metadata={"f1": float("inf"), "\0": "\ud800"}, linked=True))
    either.set_aliases(ref("a1"), PROJECT, BUCKET, ["prod"])
    either.finish_run(key, RunState.FAILED, 3)
    (listed,) = either.list_artifacts(PROJECT)
    assert listed == either.resolve(ref("prod"), PROJECT, BUCKET)
    assert (listed.aliases, listed.linked, listed.created) == (("a1", "prod", "latest"), True, logged.created)
    merged = either.upsert_run(RunUpdate(key, summary={"n": 1}))
    assert merged == either.get_run(key)
    assert (merged.outputs, merged.exit_code, merged.config) == (("model/net:a1",), 3, facts["config"])
    assert either.upsert_run(RunUpdate(RunKey(*PROJECT, "r2"))) == either.get_run(used)
    assert either.get_run(used).inputs == ("model/net:a1",)


def test_a_catalog_that_is_up_to_date_is_opened_written_and_read_without_sqlalchemy(url: str) -> None:
    EmbeddedTracker(url).close()
    script = (
        "import sys\n"
        "from tests.unit.trackers.helpers import BUCKET, PROJECT, ref, run, upload\n"
        "from wabucketref.model.run import ConsoleLine, HistoryRow, RunState\n"
        "from wabucketref.trackers.embedded.tracker import EmbeddedTracker\n"
        f"tracker = EmbeddedTracker({url!r})\n"
        "key = run(tracker, config={'a': 1}, tags=('t',))\n"
        "tracker.append_history(key, [HistoryRow(0, 0, 0.0, {'n': 1})])\n"
        "tracker.append_console(key, [ConsoleLine(0, 'stdout', 0.0, 'hello')])\n"
        "tracker.log_artifact(key, upload('a1'))\n"
        "tracker.use_artifact(key, 'x', upload('a1'))\n"
        "tracker.resolve(ref('latest'), PROJECT, BUCKET)\n"
        "tracker.set_aliases(ref('a1'), PROJECT, BUCKET, ['prod'])\n"
        "tracker.remove_alias(ref('prod'), PROJECT, BUCKET)\n"
        "tracker.finish_run(key, RunState.FINISHED, 0)\n"
        "tracker.close()\n"
        "assert 'sqlalchemy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
