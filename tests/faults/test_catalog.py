"""The catalog is locked, damaged, gone, older or newer: bytes stay safe, and it is said what to do."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event

from tests.faults import invariants, trees
from tests.faults.procs import ROOT, World
from tests.unit.trackers.revisions import REBUILD, scripts
from wabucketref.errors import TrackingPending, TransientError
from wabucketref.model.reference import ArtifactRef
from wabucketref.operations import look
from wabucketref.operations.download import download
from wabucketref.operations.sync import sync
from wabucketref.operations.upload import upload
from wabucketref.retry import RetryPolicy
from wabucketref.trackers.embedded import sqlite as particulars
from wabucketref.trackers.embedded.engine import Catalog
from wabucketref.trackers.embedded.migrate import SHIPPED, ensure_schema
from wabucketref.trackers.embedded.tracker import EmbeddedTracker

REF = ArtifactRef.parse("dataset/cats:one")
UPLOAD = ("upload", "src", "-n", "cats", "-t", "dataset", "-a", "one")
DOWNLOAD = ("download", str(REF), "-d", "out")
PATIENCE = 0.1


@pytest.fixture
def source(world: World) -> Path:
    return trees.make(world.directory / "src", trees.TWO_FILES)


@pytest.fixture
def catalog(world: World) -> Path:
    return world.home / "catalog.sqlite"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks are waited for by a fraction of a second instead of 30, and repetitions come at once."""
    monkeypatch.setattr(RetryPolicy, "delay", lambda *_: 0.01)
    monkeypatch.setitem(EmbeddedTracker.__init__.__kwdefaults__, "busy_seconds", PATIENCE)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """As another process that writes for a minute does it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        yield
        holder.execute("ROLLBACK")


# ---- locked ---------------------------------------------------------------------------------------------------------


def test_patience_is_half_a_minute() -> None:
    assert EmbeddedTracker.__init__.__kwdefaults__["busy_seconds"] == 30.0


@pytest.mark.row("R1")
@pytest.mark.parametrize("begun", [False, True], ids=["before the run", "after its beginning"])
def test_an_upload_and_a_download_go_on_without_a_locked_catalog(
    world: World, source: Path, catalog: Path, impatient: None, begun: bool
) -> None:
    with world.open() as workspace:
        upload(workspace, source, "cats", "dataset", "zero")
    out = world.directory / "out"
    with world.open() as workspace:
        if begun:
            look.list_artifacts(workspace)
        with locked(catalog):
            with pytest.raises(TrackingPending) as caught:
                upload(workspace, source, "cats", "dataset", "one")
            assert (caught.value.exit_code, caught.value.hint) == (8, "run `wabucket sync` when it can be reached")
            with pytest.raises(TrackingPending):
                download(workspace, REF, out)
    assert trees.read(out) == trees.TWO_FILES
    with world.open() as workspace:
        sync(workspace)
        assert [item.alias for item in look.list_artifacts(workspace)] == ["one", "zero"]
    found = invariants.ended_runs(world)
    assert sorted(run["state"] for run in found) == ["finished"] * 3
    assert sum(run["inputs"] == [str(REF)] for run in found) == 1
    invariants.settled(world)


@pytest.mark.row("R1")
def test_looking_does_not_wait_for_who_writes(world: World, source: Path, catalog: Path) -> None:
    world.ok(*UPLOAD)
    with locked(catalog):
        assert [item["alias"] for item in world.ok("ls")["items"]] == ["one"]


@pytest.mark.row("R1")
def test_looking_gives_up_where_there_is_no_write_ahead_log(
    world: World, source: Path, catalog: Path, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(particulars, "is_network", lambda path: True)
    with world.open() as workspace:
        upload(workspace, source, "cats", "dataset", "one")
        with locked(catalog), pytest.raises(TransientError, match="locked by another process") as caught:
            look.list_artifacts(workspace)
        assert caught.value.exit_code == 5
        assert len(look.list_artifacts(workspace)) == 1


# ---- damaged, gone --------------------------------------------------------------------------------------------------


def damage(catalog: Path, how: str) -> None:
    """All pages but the first, or the whole file."""
    with closing(sqlite3.connect(catalog)) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = catalog.read_bytes()
    catalog.write_bytes(data[:4096] + b"\xa5" * (len(data) - 4096) if how == "pages" else b"\xa5" * len(data))


@pytest.mark.row("R2")
@pytest.mark.parametrize("how", ["pages", "whole"])
def test_a_damaged_catalog(world: World, source: Path, catalog: Path, how: str) -> None:
    world.ok(*UPLOAD)
    damage(catalog, how)
    looked = world.run("ls")
    assert looked.code == 1, looked
    invariants.honest(looked)
    assert str(catalog) in looked.err
    assert "wabucket rebuild" in looked.err
    ended = world.run("--json", *UPLOAD[:-1], "two")
    assert (ended.code, ended.json()["tracking"]) == (8, "pending"), ended
    assert world.run(*DOWNLOAD).code == 8
    assert trees.read(world.directory / "out") == trees.TWO_FILES
    assert world.run("sync").code == 8
    for path in catalog.parent.glob("catalog.sqlite*"):
        path.rename(path.with_name(f"aside-{path.name}"))
    synced = world.run("sync")
    assert synced.code == 0, synced
    assert {item["alias"] for item in world.ok("ls")["items"]} == {"one", "two"}, "what a journal had is told again"
    invariants.settled(world)


@pytest.mark.row("R2")
@pytest.mark.parametrize("how", ["pages", "whole"])
def test_a_damaged_catalog_is_rebuilt(world: World, source: Path, catalog: Path, how: str) -> None:
    """It is moved aside; uploads that are not recorded yet are told by the journal as well, and are there once."""
    world.ok(*UPLOAD)
    damage(catalog, how)
    assert world.run(*UPLOAD[:-1], "two").code == 8
    before = catalog.read_bytes()
    rebuilt = world.ok("rebuild")
    assert Path(rebuilt["set_aside"]).read_bytes() == before
    assert (rebuilt["added"], rebuilt["known"], rebuilt["skipped"]) == (2, 0, [])
    assert world.run("sync").code == 0
    listed = {item["alias"]: item["version"] for item in world.ok("ls")["items"]}
    assert listed == {"one": "v0", "two": "v1"}
    assert [run["state"] for run in world.ok("runs")["items"]] == ["finished", "finished"]
    again = world.ok("rebuild")
    assert (again["set_aside"], again["added"], again["known"]) == (None, 0, 2)
    assert world.run("verify", "--all", "--deep").code == 0
    invariants.settled(world)


@pytest.mark.row("R2")
def test_a_deleted_catalog_is_made_anew_and_that_is_said(world: World, source: Path, catalog: Path) -> None:
    world.ok(*UPLOAD)
    for path in catalog.parent.glob("catalog.sqlite*"):
        path.unlink()
    ended = world.run(*UPLOAD[:-1], "two")
    assert ended.code == 0, ended
    assert "has been made anew" in ended.err
    assert [item["alias"] for item in world.ok("ls")["items"]] == ["two"]
    assert world.run(*DOWNLOAD).code == 0, "what the catalog forgot is found in the bucket"


@pytest.mark.row("R2")
def test_a_newer_catalog_is_left_alone(world: World, source: Path, catalog: Path) -> None:
    world.ok(*UPLOAD)
    with closing(sqlite3.connect(catalog)) as raw, raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    for command in (UPLOAD, DOWNLOAD, ("ls",), ("sync",)):
        refused = world.run(*command)
        assert refused.code == 2, refused
        invariants.honest(refused)
        assert "upgrade" in refused.err


# ---- migrated -------------------------------------------------------------------------------------------------------


def contents(catalog: Path) -> list[tuple[object, ...]]:
    """Schema and stamp."""
    with closing(sqlite3.connect(catalog)) as raw:
        tables = raw.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").fetchall()
        return [*tables, *raw.execute("SELECT * FROM alembic_version"), *raw.execute("SELECT run_id FROM run")]


class Dies(Exception):
    """The process is gone."""


@pytest.mark.row("R2")
def test_a_migration_that_breaks_at_any_statement(world: World, source: Path, catalog: Path) -> None:
    world.ok(*UPLOAD)
    before, given = contents(catalog), scripts(world.directory / "migrations", REBUILD)
    backup = catalog.with_name(f"catalog.sqlite.{SHIPPED.head}.bak")
    for number in range(1, 200):
        broke = migrate(catalog, given, number)
        assert contents(catalog) == before or not broke
        if not broke:
            break
        if backup.exists():
            assert contents(backup) == before
    else:
        pytest.fail("it breaks for ever")
    assert number > 10, "it was not broken in its middle"
    assert contents(catalog) != before
    assert contents(backup) == before


def migrate(catalog: Path, given: object, number: int) -> bool:
    """Whether it was broken at its `number`-th statement; it is complete when there are not so many."""
    seen = 0
    with closing(Catalog(f"sqlite:///{catalog}")) as opened:

        @event.listens_for(opened._current(), "before_cursor_execute")
        def count(*_: object) -> None:
            nonlocal seen
            seen += 1
            if seen == number:
                raise Dies

        try:
            ensure_schema(opened, given)  # type: ignore[arg-type]
        except Dies:
            return True
    return False


@pytest.mark.row("R2")
@pytest.mark.parametrize("point", ["catalog.backed_up", "catalog.altered"])
def test_a_migration_that_is_killed(world: World, source: Path, catalog: Path, point: str) -> None:
    world.ok(*UPLOAD)
    before = contents(catalog)
    code = f"""
import os, sys
from pathlib import Path
from contextlib import closing
from tests.unit.trackers.revisions import REBUILD, scripts
from wabucketref import failpoints
from wabucketref.trackers.embedded.engine import Catalog
from wabucketref.trackers.embedded.migrate import SHIPPED, ensure_schema
failpoints.install(lambda name: os.kill(os.getpid(), 9) if name == {point!r} else None)
with closing(Catalog("sqlite:///{catalog}")) as catalog:
    ensure_schema(catalog, scripts(Path({str(world.directory / "migrations")!r}), REBUILD))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert done.returncode == -9
    assert contents(catalog) == before
    assert [item["alias"] for item in world.ok("ls")["items"]] == ["one"]
