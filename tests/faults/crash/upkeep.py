"""What keeps bucket and catalog in order, and is killed all the same: ``gc``, ``rebuild``, ``relocate``."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.faults import trees
from tests.faults.crash.commands import IDENTITY, NEW, OLD, REF, UPLOAD, Command
from tests.faults.crash.enumeration import Trouble
from tests.faults.crash.facts import Facts, facts, leftovers
from tests.faults.procs import Ended, World
from wabucketref.model.reference import ArtifactRef
from wabucketref.operations.download import download
from wabucketref.store.linked import Mark


class Upkeep(Command):
    """Whatever happens, what was uploaded can be read."""

    readable = (NEW,)

    def learn(self, before: World, after: World) -> None:
        self.before, self.after = Facts((), (), ()), facts(after)
        assert (self.after.wrong, leftovers(after)) == ((), [])

    def _read(self, world: World) -> Iterator[Trouble]:
        target = world.directory / "reader"
        with world.open(tracker="disabled") as workspace:
            download(workspace, ArtifactRef.parse(REF), target)
        if trees.read(target) != NEW:
            yield Trouble("half-visible", "a mix")
        shutil.rmtree(target)

    def look(self, world: World) -> tuple[Any, list[Trouble]]:
        return None, list(self._read(world))


class Collect(Upkeep):
    """Everything that can be garbage: an upload that was killed, a file that nothing names, a mark, an old version."""

    name = "gc"
    argv = ("gc", "--keep-last", "1", "--apply")
    call = "tests.faults.sessions:collect"

    def prepare(self, world: World) -> None:
        super().prepare(world)
        trees.make(world.directory / "old", OLD)
        world.ok("upload", "old", *IDENTITY[:-1], "zero")
        world.ok(*UPLOAD)
        dead = world.run("upload", "old", *IDENTITY[:-1], "dead", points="upload.files_stored=kill")
        assert dead.code == -9
        for left in ("journal", "cache/uploads"):  # its home is lost
            shutil.rmtree(world.home / left, ignore_errors=True)
        with world.open() as workspace:
            storage = workspace.open_storage(workspace.bucket)
            storage.put("dataset/cats/one/stray", b"nobody names it")
            Mark("dataset/cats/one", "gone", ArtifactRef("dataset", "linked", "gone")).put(storage)


class Rebuild(Upkeep):
    """Of a catalog that is damaged; it must be as it was before that, runs and all."""

    name = "rebuild"
    argv = ("rebuild",)

    def prepare(self, world: World) -> None:
        super().prepare(world)
        trees.make(world.directory / "old", OLD)
        world.ok("upload", "old", *IDENTITY[:-1], "zero")
        world.ok(*UPLOAD)
        self._whole = facts(world)
        path = world.home / "catalog.sqlite"
        path.write_bytes(b"\xa5" * path.stat().st_size)

    def learn(self, before: World, after: World) -> None:
        super().learn(before, after)
        assert (self.after.versions, self.after.objects) == (self._whole.versions, self._whole.objects)
        assert sorted(self.after.runs) == sorted(self._whole.runs)

    def check(self, world: World, number: int, known: Any) -> Iterator[Trouble]:
        yield from super().check(world, number, known)
        aside = [path for path in world.home.glob("catalog.sqlite.damaged-*") if not path.name.endswith(_BESIDE)]
        if len(aside) != 1 or not _is_junk(aside[0]):
            yield Trouble("lost", f"the damaged file: {aside}")


class Relocate(Upkeep):
    """To a copy of the bucket; whatever happens, all records lead to one of the two."""

    name = "relocate"
    call = "tests.faults.sessions:relocate"

    def prepare(self, world: World) -> None:
        super().prepare(world)
        trees.make(world.directory / "old", OLD)
        world.ok("upload", "old", *IDENTITY[:-1], "zero")
        world.ok(*UPLOAD)
        with world.open() as workspace:
            here, there = map(workspace.open_storage, (world.bucket, f"{world.bucket}-moved"))
            for info in here.list(""):
                there.put(info.key, here.read(info.key, limit=1 << 20)[0])

    def carry_out(self, world: World, points: str) -> Ended:
        return world.run(world.bucket, f"{world.bucket}-moved", points=points, call=self.call, may_miss=True)

    def look(self, world: World) -> tuple[Any, list[Trouble]]:
        places = self._recorded(world)
        whole = len(places) == 2 and len(set(places)) == 1
        return None, [*self._read(world), *([] if whole else [Trouble("half-visible", f"recorded in {places}")])]

    def learn(self, before: World, after: World) -> None:
        assert self._recorded(before) == [before.bucket] * 2
        assert self._recorded(after) == [f"{after.bucket}-moved"] * 2

    def check(self, world: World, number: int, known: Any) -> Iterator[Trouble]:
        places = self._recorded(world)
        if places != [f"{world.bucket}-moved"] * 2:
            yield Trouble("lost", f"recorded in {places}")

    @staticmethod
    def _recorded(world: World) -> list[str]:
        with world.open() as workspace:
            return [one.bucket for one in workspace.tracker.list_artifacts(workspace.project)]


_BESIDE = ("-wal", "-shm")


def _is_junk(path: Path) -> bool:
    return set(path.read_bytes()) == {0xA5}
