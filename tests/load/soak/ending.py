"""What must hold once nothing is under way: in the bucket, in the catalog, in the journal, on the disk."""

import contextlib
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.faults.procs import World
from tests.faults.proxy import Proxy
from tests.load.soak import bucket
from tests.load.soak.oracle import Oracle
from tests.load.soak.plan import Ref, Step, text
from tests.load.soak.workers import Told, Worker, notes
from wabucketref.model.run import RunInfo

_RUNS = ("upload", "again", "other", "overwrite", "shared", "link", "download", "session")
"""Kinds whose acknowledged end says that their run is recorded."""
_SYNC_SECONDS = 120.0
_OF_WANDB = ("wandb-media", "wandb-artifacts")


@dataclass
class Ending:
    """The comparison of all that is left with all that was acknowledged."""

    world: World
    disk: Path
    """Of the bucket."""
    proxy: Proxy
    oracle: Oracle
    told: Told

    def settle(self) -> None:
        """Sync, then do again what only its user can, as a user would; and hear what is there now."""
        self._synced()
        self._compare()
        worker = Worker(self.world, self.oracle, self.told)
        for step in self._again():
            code = worker.carry_out(step)
            if code not in (0, 3, 6):
                self.told.wrong.append(f"{step.name}: again it ended with {code}, with no fault in the way")
        self._synced()
        self._compare()

    def check(self, *, deep: bool) -> None:
        """Everything agrees, and nothing is left over."""
        for find in (self._verified(deep), self._recorded(), self._rows(), self._left()):
            self.told.wrong += find

    def _synced(self) -> None:
        """Until no journal is left: the service may just have taken one up, and goes on with it by itself."""
        end = time.monotonic() + _SYNC_SECONDS
        while True:
            ended = self.world.start("sync").wait(300)
            if ended.code != 0:
                self.told.wrong.append(f"sync ended with {ended.code}: {ended.out} {ended.err}")
            if not self.world.journals or time.monotonic() > end:
                return
            time.sleep(0.5)

    def _compare(self) -> None:
        """The bucket with the oracle, which learns what is there."""
        found = bucket.lying(self.disk)
        for ref, place in self.oracle.places.items():
            content = found[ref].content if ref in found else None
            if content not in place.possible:
                self.told.wrong.append(f"{text(ref)} holds {content}, not one of {place.possible}: {self._story(ref)}")
            place.now, place.may = {content}, set()
        for ref, contents in self.oracle.winners.items():
            if ref not in found or {found[ref].content} != contents:
                self.told.wrong.append(f"{text(ref)} holds {found.get(ref)}, not {contents}")

    def _story(self, ref: Ref) -> str:
        """What was done to an alias, and how it ended."""
        steps = [(step, code) for step, code in list(self.told.ended.values()) if step.ref == ref]
        marks = [(step.name, step.kind, code, step.source.mark if step.source else None) for step, code in steps]
        return str(marks)

    def _again(self) -> Iterator[Step]:
        """What nobody has heard the end of, but for what is there already."""
        for place in list(self.oracle.places.values()):
            if place.last is not None and place.last.source is not None and place.now != {place.last.source.mark}:
                yield _once_more(place.last)
            place.last = None
        steps, self.told.again = self.told.again, []
        for step in steps:
            if step.kind == "download" and step.target is not None:
                shutil.rmtree(step.target, ignore_errors=True)  # what it brought may be old by now, and would stay
            yield _once_more(step)

    # ---- one a kind of thing; each yields what is wrong ----

    def _verified(self, deep: bool) -> Iterator[str]:
        ended = self.world.start("--json", "verify", "--all", *(["--deep"] if deep else [])).wait(300)
        document = ended.json()
        if "items" not in document:
            yield f"verify --all: {ended}"
            return
        for item in document["items"]:
            if item["state"] != "ok" or not item["recorded"] or item["extra"]:
                yield f"verify --all: {item}"
        for finding in document["findings"]:
            yield f"verify --all: {finding}"
        if ended.code != 0:
            yield f"verify --all ended with {ended.code}: {ended.err}"

    def _recorded(self) -> Iterator[str]:
        """Each acknowledged operation is there once, each other at most once; names and numbers are right."""
        with self.world.open() as workspace:
            runs = workspace.tracker.list_runs(workspace.project)
            living = Counter(one.ref for one in workspace.tracker.list_artifacts(workspace.project))
            names = {str(one.ref): one.aliases for one in workspace.tracker.list_artifacts(workspace.project)}
        by_name: dict[str, list[RunInfo]] = {}
        for run in runs:
            by_name.setdefault(run.name, []).append(run)
        yield from (f"the run {run.name} is {run.state}" for run in runs if run.state == "running")
        yield from (f"{ref} has {count} versions" for ref, count in living.items() if count > 1)
        for step, code in list(self.told.ended.values()):
            yield from _run_of(step, code, by_name.get(step.name, []))
        for tag, ref in self.oracle.tags.items():
            place = self.oracle.places[ref]
            if len(place.sent) == 1 and None not in place.now and tag not in names.get(text(ref), ()):
                yield f"{text(ref)} has lost its name {tag}"
        yield from self._numbers()

    def _numbers(self) -> Iterator[str]:
        query = (
            "SELECT s.name, s.next_number, count(v.id), count(DISTINCT v.number), max(v.number)"
            " FROM artifact_sequence s LEFT JOIN artifact_version v ON v.sequence_pk = s.id GROUP BY s.id"
        )
        for name, following, count, distinct, most in self._ask(query):
            if not following == count == distinct or (count and most != count - 1):
                yield f"the versions of {name} are not dense: {following} {count} {distinct} {most}"
        yield from (f"quick_check: {row}" for row in self._ask("PRAGMA quick_check") if row != ("ok",))

    def _rows(self) -> Iterator[str]:
        """Each acknowledged row once, in order; at most one more, whose answer nobody heard."""
        query = (
            "SELECT row_index, step, json_extract(data, '$.n'), json_extract(data, '$.square')"
            " FROM history JOIN run ON run.id = run_pk WHERE run.name = ? ORDER BY row_index"
        )
        for step, _ in list(self.told.ended.values()):
            if step.kind != "session":
                continue
            acknowledged = sum(line.startswith("row ") for line in notes(step))
            rows = self._ask(query, step.name)
            if rows != [(n, n, n, n * n) for n in range(len(rows))]:
                yield f"rows of {step.name} out of order: {rows[:5]} …"
            if not acknowledged <= len(rows) <= min(acknowledged + 1, step.rows):
                yield f"{step.name}: {acknowledged} rows were acknowledged, {len(rows)} are there"

    def _left(self) -> Iterator[str]:
        home = self.world.home
        places: tuple[tuple[str, Callable[[], list[str]]], ...] = (
            ("journals", lambda: self.world.journals),
            ("memories of uploads", lambda: _names(home / "cache" / "uploads")),
            ("temporary files", self._temporary),
            ("files of the home", lambda: [path.name for path in home.rglob("*") if "tmp" in path.name]),
            ("staging directories", self._siblings),
            ("multipart uploads", lambda: bucket.open_multiparts(list(self.proxy.log))),
            ("objects", self._stray),
        )
        for what, look in places:
            found = look()
            if found:
                yield f"{what} are left: {found}"

    def _temporary(self) -> list[str]:
        """But for what ``wandb`` makes as it is imported, which a killed process cannot take back."""
        return [name for name in _names(self.world.directory / "tmp") if not name.endswith(_OF_WANDB)]

    def _siblings(self) -> list[str]:
        """Beside the destinations of downloads, each of which has one of its own."""
        downloads = {
            Path(step.target).name
            for step, _ in list(self.told.ended.values())
            if step.target and step.kind.startswith("download")
        }
        return [name for name in _names(self.world.directory / "out") if name not in downloads]

    def _stray(self) -> list[str]:
        found = bucket.lying(self.disk)
        left = [(ref, name) for ref, lying in found.items() for name in lying.stray]
        return [f"{text(ref)} {name}:\n{self._asked(ref, name)}" for ref, name in left]

    def _asked(self, ref: Ref, name: str) -> str:
        """What was asked of the object, for who wonders."""
        key = "/".join((*ref, name))
        found = [one for one in list(self.proxy.log) if one.path.endswith(key)]
        return "\n".join(f"{one.number} {one.method} {one.status} {one.faults}" for one in found)

    def _ask(self, query: str, *values: str) -> list[tuple[object, ...]]:
        with contextlib.closing(sqlite3.connect(self.world.home / "catalog.sqlite")) as catalog:
            return catalog.execute(query, values).fetchall()


def _run_of(step: Step, code: int, runs: list[RunInfo]) -> Iterator[str]:
    if len(runs) > 1:
        yield f"{step.name} {step.kind} has {len(runs)} runs"
    if code != 0 or step.kind not in _RUNS:
        return
    outputs = () if step.kind == "download" or step.ref is None else (text(step.ref),)
    if step.kind == "session" and "uploaded" not in notes(step):
        return  # it left the upload to the service
    seen = [(str(run.state), run.exit_code, run.outputs) for run in runs]
    if seen != [("finished", 0, outputs)]:
        yield f"{step.name} {step.kind} was acknowledged, and its run is {seen}"


def _once_more(step: Step) -> Step:
    """As its user would do it, and nobody stops it."""
    name = f"{step.name}-again"
    argv = tuple(name if part == step.name else part for part in step.argv if part != "--no-wait")
    kind = step.kind.removesuffix("-left").replace("left", "upload")
    if step.kind == "session":
        assert step.source is not None
        assert step.ref is not None
        kind, argv = "upload", ("upload", step.source.path, "-n", step.ref[1], "-t", step.ref[0], "-a", step.ref[2])
        return Step(name, kind, ("--run-name", name, *argv), step.ref, step.source)
    return replace(step, name=name, kind=kind, argv=argv, kill=None)


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("*")) if directory.exists() else []
