"""The schema on a server: made by one of many, migrated whole or not at all, whoever comes at the same time."""

import multiprocessing
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import event

from tests.faults.test_catalog import Dies
from tests.logs import said
from tests.postgres import Cluster
from tests.unit.trackers.helpers import PROJECT, ref, run, upload
from tests.unit.trackers.revisions import REBUILD, scripts
from wabucketref import failpoints
from wabucketref.errors import UpgradeRequired
from wabucketref.trackers.embedded.engine import Catalog
from wabucketref.trackers.embedded.migrate import SHIPPED, Scripts, ensure_schema
from wabucketref.trackers.embedded.tracker import EmbeddedTracker

PROCESSES = 8
SCHEMA = """
SELECT 'column', table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
 WHERE table_schema = 'public'
UNION ALL SELECT 'index', tablename, indexname, indexdef, '', '' FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', '' FROM pg_constraint
 WHERE connamespace = 'public'::regnamespace
ORDER BY 1, 2, 3
"""


def named(url: str) -> str:
    """The database in it."""
    return url.rpartition("/")[2]


def at_once(action: Callable[[], object]) -> list[int]:
    """Exit codes of processes that all do the same at the same moment."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(PROCESSES)

    def together() -> None:
        barrier.wait(30)
        action()

    children = [context.Process(target=together) for _ in range(PROCESSES)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    return [child.exitcode if child.exitcode is not None else -1 for child in children]


@pytest.mark.row("R2")
def test_migrations_lead_to_the_tables(postgres: Cluster, postgres_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(SHIPPED.location, folder)
    (folder / "versions" / "0000_none.py").write_text(
        'revision = "0000"\ndown_revision = None\n\n\ndef upgrade() -> None:\n    pass\n'
    )
    first = next((folder / "versions").glob("0001*.py"))
    first.write_text(first.read_text().replace("down_revision = None", 'down_revision = "0000"'))
    name = postgres.make(empty=True)
    postgres.sql(
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL CONSTRAINT alembic_version_pkc PRIMARY KEY);"
        "INSERT INTO alembic_version VALUES ('0000'); GRANT ALL ON alembic_version TO PUBLIC",
        name,
    )
    with closing(Catalog(postgres.url(name))) as catalog:
        assert ensure_schema(catalog, Scripts(folder, ("0000", *SHIPPED.revisions))) is False
    assert postgres.sql(SCHEMA, name) == postgres.sql(SCHEMA, named(postgres_url))
    postgres.drop(name)


@pytest.mark.row("R2", "A5")
def test_many_come_to_an_empty_database(postgres: Cluster) -> None:
    name = postgres.make(empty=True)
    url = postgres.url(name)

    def use() -> None:
        with closing(EmbeddedTracker(url)) as tracker:
            tracker.log_artifact(run(tracker, f"r{os.getpid()}"), upload(f"a{os.getpid()}"))

    assert at_once(use) == [0] * PROCESSES
    with closing(EmbeddedTracker(url)) as tracker:
        found = [one.version for one in tracker.list_artifacts(PROJECT)]
    assert found == [f"v{number}" for number in reversed(range(PROCESSES))]
    postgres.drop(name)


@pytest.mark.row("R2")
def test_many_come_to_an_older_catalog(postgres_url: str, postgres: Cluster, tmp_path: Path) -> None:
    with closing(EmbeddedTracker(postgres_url)) as tracker:
        tracker.log_artifact(run(tracker, notes="kept"), upload("a"))
    given = scripts(tmp_path / "migrations", REBUILD)

    def migrate() -> None:
        with closing(Catalog(postgres_url)) as catalog:
            assert ensure_schema(catalog, given) is False

    assert at_once(migrate) == [0] * PROCESSES
    assert postgres.sql("SELECT remarks, priority FROM run", named(postgres_url)) == [("kept", None)]
    assert postgres.sql("SELECT version_num FROM alembic_version", named(postgres_url)) == [(given.head,)]


@pytest.mark.row("R2")
def test_it_is_said_that_a_backup_is_the_teams_own(
    postgres_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(Catalog(postgres_url)) as catalog:
        given = scripts(tmp_path / "migrations", REBUILD)
        ensure_schema(catalog, given)
        assert len(said(caplog)) == 1
        assert f"was migrated from schema {SHIPPED.head} to {given.head}" in caplog.text
        assert "pg_dump" in caplog.text
        with pytest.raises(UpgradeRequired, match="knows up to") as caught:
            ensure_schema(catalog)
        assert caught.value.exit_code == 2


@pytest.mark.row("R2")
def test_a_migration_that_breaks_at_any_statement(postgres_url: str, postgres: Cluster, tmp_path: Path) -> None:
    with closing(EmbeddedTracker(postgres_url)) as tracker:
        tracker.log_artifact(run(tracker, notes="kept"), upload("a"))
    before, given = postgres.sql(SCHEMA, named(postgres_url)), scripts(tmp_path / "migrations", REBUILD)
    for number in range(1, 100):
        broke = migrate(postgres_url, given, number)
        assert (postgres.sql(SCHEMA, named(postgres_url)) == before) is broke
        if not broke:
            break
        with closing(EmbeddedTracker(postgres_url)) as tracker:
            assert tracker.resolve(ref("a"), PROJECT).version == "v0"
    assert 5 < number < 99, "it was broken in its middle, and came to an end"
    assert postgres.sql("SELECT remarks FROM run", named(postgres_url)) == [("kept",)]


def migrate(url: str, given: Scripts, number: int) -> bool:
    """Whether it was broken at its `number`-th statement; it is complete when there are not so many."""
    seen = 0
    with closing(Catalog(url)) as opened:

        @event.listens_for(opened._current(), "before_cursor_execute")
        def count(*_: object) -> None:
            nonlocal seen
            seen += 1
            if seen == number:
                raise Dies

        try:
            ensure_schema(opened, given)
        except Dies:
            return True
    return False


@pytest.mark.row("R2")
@pytest.mark.parametrize("point", ["catalog.backed_up", "catalog.altered"])
def test_a_migration_that_is_killed(postgres_url: str, postgres: Cluster, tmp_path: Path, point: str) -> None:
    before, given = postgres.sql(SCHEMA, named(postgres_url)), scripts(tmp_path / "migrations", REBUILD)

    def die() -> None:
        failpoints.install(lambda name: os.kill(os.getpid(), 9) if name == point else None)
        with closing(Catalog(postgres_url)) as catalog:
            ensure_schema(catalog, given)

    child = multiprocessing.get_context("fork").Process(target=die)
    child.start()
    child.join(60)
    assert child.exitcode == -9
    assert postgres.sql(SCHEMA, named(postgres_url)) == before
    with closing(EmbeddedTracker(postgres_url)) as tracker:
        run(tracker)
