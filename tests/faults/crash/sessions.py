"""What is no command line, and killed all the same: a session of the API, and the migration of a catalog."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.faults.crash.commands import NEW, REF, UPLOAD, Command, Seen
from tests.faults.crash.enumeration import Trouble
from tests.faults.crash.facts import Run, facts, leftovers
from tests.faults.procs import Ended, World
from tests.faults.sessions import ROWS
from tests.unit.trackers.revisions import REBUILD, scripts


class Session(Command):
    """A script that logs, uploads and finishes its run."""

    name = "session"
    call = "tests.faults.sessions:session"
    readable = (NEW,)

    def recover(self, world: World, number: int, points: str) -> Ended:
        return world.run("sync", points=points, may_miss=True)

    def check(self, world: World, number: int, known: Seen) -> Iterator[Trouble]:
        now, acknowledged = facts(world), _acknowledged(world)
        found = now.further_runs(self.before)
        if len(found) > 1:
            yield Trouble("doubled", f"runs: {found}")
        elif found:
            yield from self._run(found[0], acknowledged)
        elif known.run:
            yield Trouble("lost", "the run")
        yield from self.compare(now, self.after if known.accepted else self.before)
        yield from (Trouble("left", name) for name in leftovers(world))

    def _run(self, run: Run, acknowledged: list[str]) -> Iterator[Trouble]:
        state, _, _, outputs, rows = run
        count = sum(line.startswith("row ") for line in acknowledged)
        if [index for index, _ in rows] != list(range(len(rows))) or any(index != loss for index, loss in rows):
            yield Trouble("doubled", f"rows: {rows}")
        if not count <= len(rows) <= min(count + 1, ROWS):
            yield Trouble("lost", f"{count} rows were acknowledged, {rows} are there")
        if "uploaded" in acknowledged and outputs != (REF,):
            yield Trouble("lost", f"outputs: {outputs}")
        if state not in ("crashed", "finished") or ("finished" in acknowledged and state != "finished"):
            yield Trouble("lost", f"the run ended as {state}")


class Migration(Command):
    """Of the catalog, by one revision more than this release has; what it holds must stay."""

    name = "migration"
    call = "tests.faults.sessions:migrate"

    def prepare(self, world: World) -> None:
        super().prepare(world)
        world.ok(*UPLOAD)
        self._revisions = scripts(world.directory / "migrations", REBUILD).revisions

    def carry_out(self, world: World, points: str) -> Ended:
        argv = (str(_catalog(world)), str(world.directory / "migrations"), *self._revisions)
        return world.run(*argv, points=points, call=self.call, may_miss=True)

    def learn(self, before: World, after: World) -> None:
        self._schema = _schema(after)
        assert _schema(before) != self._schema

    def look(self, world: World) -> tuple[Any, list[Trouble]]:
        return _rows(world), []

    def check(self, world: World, number: int, known: Any) -> Iterator[Trouble]:
        if _rows(world) != known or not known["artifact_version"]:
            yield Trouble("lost", "rows of the catalog")
        if _schema(world) != self._schema:
            yield Trouble("half-visible", "the schema is neither old nor new")
        with closing(sqlite3.connect(f"{_catalog(world)}.{self._revisions[-2]}.bak")) as backup:
            if backup.execute("PRAGMA quick_check").fetchall() != [("ok",)]:
                yield Trouble("lost", "the backup")
        unfinished = [path.name for path in world.home.iterdir() if path.name.startswith(".catalog-")]
        yield from (Trouble("left", name) for name in unfinished)


def _acknowledged(world: World) -> list[str]:
    path = world.directory / "acknowledged"
    return path.read_text().splitlines() if path.exists() else []


def _catalog(world: World) -> Path:
    return world.home / "catalog.sqlite"


def _rows(world: World) -> dict[str, list[Any]]:
    """What the tables hold, but for the columns that the migration changes."""
    with closing(sqlite3.connect(_catalog(world))) as raw:
        names = [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        columns = {name: "run_id, state" if name == "run" else "*" for name in names if name != "alembic_version"}
        return {name: sorted(raw.execute(f"SELECT {some} FROM {name}")) for name, some in columns.items()}


def _schema(world: World) -> dict[str, Any]:
    """The revision, and the columns of each table."""
    with closing(sqlite3.connect(_catalog(world))) as raw:
        names = [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {name: sorted(raw.execute(f"SELECT name, type FROM pragma_table_info('{name}')")) for name in names}
        return {"": raw.execute("SELECT version_num FROM alembic_version").fetchall(), **columns}
