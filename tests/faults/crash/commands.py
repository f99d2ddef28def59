"""The operations whose crash points are enumerated."""

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults import trees
from tests.faults.crash.enumeration import Trouble
from tests.faults.crash.facts import Facts, Run, facts, leftovers
from tests.faults.procs import COMMAND_LINE, Ended, World
from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import IntegrityError, NotFound, WaBucketError
from wabucketref.model.reference import ArtifactRef
from wabucketref.operations.download import download
from wabucketref.service.journal import Journal
from wabucketref.service.recovery import Recovered, recover

Tree = trees.Tree
REF = "dataset/cats:one"
IDENTITY = ("-n", "cats", "-t", "dataset", "-a", "one")
UPLOAD = ("upload", "src", *IDENTITY)
OLD: Tree = {"a.txt": b"old\n", "gone.txt": b"gone\n"}
NEW: Tree = trees.TWO_FILES
CRASHED: Run = ("crashed", 1, (), (), ())


@dataclass(frozen=True)
class Seen:
    """A world just after a kill."""

    accepted: bool
    """The operation is in the journal, or done."""
    run: bool
    """The run is in the journal, or done."""


class Command:
    """A command line; by itself one that nothing remembers, so that it has to be repeated."""

    name = ""
    argv: Sequence[str] = ()
    call = COMMAND_LINE
    readable: Sequence[Tree] = ()
    """What a reader may get at any time, besides nothing."""
    before: Facts
    after: Facts

    def prepare(self, world: World) -> None:
        trees.make(world.directory / "src", NEW)

    def learn(self, before: World, after: World) -> None:
        self.before, self.after = facts(before), facts(after)
        assert self.before.wrong == self.after.wrong == ()
        assert leftovers(after) == []

    def carry_out(self, world: World, points: str) -> Ended:
        return world.run(*self.argv, points=points, call=self.call, may_miss=True)

    def look(self, world: World) -> tuple[Seen, list[Trouble]]:
        found = list(self._read(world))
        return seen(world), found

    def recover(self, world: World, number: int, points: str) -> Ended:
        return self.carry_out(world, points)

    def check(self, world: World, number: int, known: Seen) -> Iterator[Trouble]:
        now = facts(world)
        yield from self.compare(now, self.after)
        if now.runs != self.after.runs:
            yield Trouble("doubled", f"runs: {now.runs}")
        yield from (Trouble("left", name) for name in leftovers(world))

    def compare(self, now: Facts, then: Facts) -> Iterator[Trouble]:
        """Versions and objects."""
        if now.versions != then.versions:
            kind = "doubled" if len(now.versions) > len(then.versions) else "lost"
            yield Trouble(kind, f"versions: {now.versions}")
        here, there = Counter(now.objects), Counter(then.objects)
        yield from (Trouble("lost", key) for key in (there - here).elements())
        yield from (Trouble("left", key) for key in (here - there).elements())
        yield from (Trouble("lost", what) for what in now.wrong)

    def _read(self, world: World) -> Iterator[Trouble]:
        """As somebody else's reader, and as somebody who looks at the list."""
        target = world.directory / "reader"
        with world.open(tracker="disabled") as workspace:
            got: Tree | None = None
            try:
                download(workspace, ArtifactRef.parse(REF), target)
                got = trees.read(target)
            except NotFound:
                if target.exists():
                    yield Trouble("half-visible", "nothing, but something was left")
            except WaBucketError as error:
                yield Trouble("half-visible", f"{type(error).__name__}: {error}")
            if got is not None and got not in self.readable:
                yield Trouble("half-visible", f"a mix: {sorted(got)}")
        shutil.rmtree(target, ignore_errors=True)
        yield from self._listed(world, got)

    def _listed(self, world: World, got: Tree | None) -> Iterator[Trouble]:
        with world.open() as workspace:
            listed = [one.digest for one in workspace.tracker.list_artifacts(workspace.project)]
        made = {version[2] for version in self.after.versions} - {version[2] for version in self.before.versions}
        if got is None and made & set(listed):
            yield Trouble("half-visible", "a version is listed whose files are not there")


class Journaled(Command):
    """A command line whose operation is journaled: ``sync`` finishes it, and so does the command itself."""

    ends: Sequence[Run] = ()
    """How else the run may end that was killed, when its operation is overtaken by the same one."""
    fails = False
    """``sync`` itself may end it so: it is not repeated."""

    def recover(self, world: World, number: int, points: str) -> Ended:
        if self._again(number):
            return self.carry_out(world, points)
        return world.run("sync", points=points, may_miss=True)

    def check(self, world: World, number: int, known: Seen) -> Iterator[Trouble]:
        again = self._again(number)
        if again:
            ended = world.run("sync")
            assert ended.code == 0, ended
        now = facts(world)
        yield from self.compare(now, self.after if again or known.accepted else self.before)
        yield from self.runs(now.further_runs(self.before), again, known)
        yield from (Trouble("left", name) for name in leftovers(world))

    def runs(self, found: list[Run], again: bool, known: Seen) -> Iterator[Trouble]:
        """What became of the run that was killed, and of those that repeated its operation."""
        done = self.after.further_runs(self.before)
        if again:
            if not set(done) <= set(found) or not set(found) <= {*done, CRASHED, *self.ends}:
                yield Trouble("lost", f"runs: {found}")
            return
        expected = done if known.accepted else [CRASHED] if known.run else []
        if len(found) > len(expected):
            yield Trouble("doubled", f"runs: {found}")
        elif found != expected and not (self.fails and len(found) == 1 and found[0] in self.ends):
            yield Trouble("lost", f"runs: {found}, not {expected}")

    @staticmethod
    def _again(number: int) -> bool:
        return number % 4 == 1


class Upload(Journaled):
    name = "upload"
    argv = UPLOAD
    readable = (NEW,)


class UploadAgain(Upload):
    """What is sent otherwise is copied here."""

    name = "upload-again"

    def prepare(self, world: World) -> None:
        super().prepare(world)
        world.ok("upload", "src", "-n", "cats", "-t", "dataset", "-a", "zero")


class Overwrite(Journaled):
    name = "overwrite"
    argv = (*UPLOAD, "--overwrite")
    readable = (OLD, NEW)
    ends = (("failed", 6, (), (), ()),)

    def prepare(self, world: World) -> None:
        super().prepare(world)
        trees.make(world.directory / "old", OLD)
        world.ok("upload", "old", *IDENTITY)


class Link(Journaled):
    """Of files that are an upload of ours themselves, so that claims and marks are met, too."""

    name = "link"
    argv = ("link", "raw/cats/one", *IDENTITY)
    readable = (NEW,)

    def prepare(self, world: World) -> None:
        super().prepare(world)
        world.ok("upload", "src", "-n", "cats", "-t", "raw", "-a", "one")


class Adopt(Journaled):
    """Of files that an earlier release uploaded: readers get them at all times, and nothing ever takes them for what
    nobody finishes."""

    name = "adopt"
    argv = ("adopt", REF)
    readable = (NEW,)

    def prepare(self, world: World) -> None:
        super().prepare(world)
        with world.open() as workspace:
            storage = workspace.open_storage(workspace.bucket)
            for path, content in NEW.items():
                if content is not None:
                    storage.put(f"dataset/cats/one/{path}", content)

    def look(self, world: World) -> tuple[Seen, list[Trouble]]:
        known, found = super().look(world)
        with world.open(tracker="disabled") as workspace:
            survey = workspace.plane.survey(workspace.bucket, cancel=Cancel())
        found += [Trouble("half-visible", f"{one.ref} is taken for unfinished") for one in survey.unfinished]
        return known, found

    def _read(self, world: World) -> Iterator[Trouble]:
        target = world.directory / "reader"
        with world.open(tracker="disabled") as workspace:
            got = download(workspace, ArtifactRef.parse(REF), target)
            committed = workspace.plane.find(workspace.bucket, ArtifactRef.parse(REF)) is not None
        if trees.read(target) != NEW or got.verified != committed:
            yield Trouble("half-visible", f"{sorted(trees.read(target))}, verified {got.verified}")
        shutil.rmtree(target)


class Download(Journaled):
    name = "download"
    argv = ("download", REF, "-d", "out")
    readable = (NEW,)
    ends = (("failed", 3, (), (), ()),)
    fails = True

    def prepare(self, world: World) -> None:
        super().prepare(world)
        world.ok(*UPLOAD)

    def look(self, world: World) -> tuple[Seen, list[Trouble]]:
        out = world.directory / "out"
        there = trees.read(out).items() if out.exists() else ()
        found = [
            Trouble("half-visible", f"unverified bytes bear the final name {name}")
            for name, content in there
            if content is not None and NEW[name] != content
        ]
        return seen(world), found

    def check(self, world: World, number: int, known: Seen) -> Iterator[Trouble]:
        yield from super().check(world, number, known)
        if not self._again(number):
            ended = self.carry_out(world, "")
            assert ended.code == 0, ended
        if trees.read(world.directory / "out", without="") != NEW:
            yield Trouble("lost", "the destination")
        siblings = [path.name for path in world.directory.iterdir() if "out" in path.name]
        if siblings != ["out"]:
            yield Trouble("left", f"{siblings}")


class Remove(Command):
    name = "rm"
    argv = ("rm", REF)
    readable = (NEW,)

    def prepare(self, world: World) -> None:
        super().prepare(world)
        world.ok(*UPLOAD)

    def recover(self, world: World, number: int, points: str) -> Ended:
        """Repeating it when it was done already is an error, which says so."""
        ended = super().recover(world, number, points)
        return Ended(0, ended.out, ended.err) if ended.code == 3 else ended


class Alias(Command):
    name = "alias"
    argv = ("alias", REF, "prod", "best")
    readable = (NEW,)

    def prepare(self, world: World) -> None:
        super().prepare(world)
        world.ok(*UPLOAD)


class Sync(Command):
    """The recovery of an upload that was killed in the middle."""

    name = "sync"
    argv = ("sync",)
    readable = (NEW,)

    def prepare(self, world: World) -> None:
        super().prepare(world)
        assert world.run(*UPLOAD, points="upload.file_stored=kill").code == -9

    def learn(self, before: World, after: World) -> None:
        self.before, self.after = Facts((), (), ()), facts(after)
        assert (self.after.wrong, leftovers(after)) == ((), [])


def seen(world: World) -> Seen:
    """What the journal has of a run under way; without a journal the run is done, or never began."""
    journals = list((world.home / "journal").glob("*.journal"))
    if not journals:
        with world.open() as workspace:
            done = any(one.ref == ArtifactRef.parse(REF) for one in workspace.tracker.list_artifacts(workspace.project))
        return Seen(done, done)
    found = recovered(journals[0])
    return Seen(found is not None and bool(found.state.xids), found is not None)


def recovered(path: Path) -> Recovered | None:
    """What the journal says; None when it was killed before its first record was whole."""
    with Journal.look(path) as journal:
        try:
            return recover(journal)
        except IntegrityError:
            return None
