"""The machine: what users, rivals, kills and damage do to one home and one bucket, beside a model of it.

Where exactly a kill strikes differs from one time to the next, as threads do: so no rule has a precondition, or the
choices that hypothesis made could not be repeated.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.faults import trees
from tests.faults.crash.commands import recovered
from tests.faults.machine.model import CONTENTS, LINKS, MISSING, REFS, REPLACED, UPLOADS, Model, Pending, Upload, digest
from tests.faults.procs import Ended, World
from tests.faults.sessions import aged
from wabucketref.errors import IntegrityError, WaBucketError
from wabucketref.model.reference import ArtifactRef
from wabucketref.operations.aliases import set_aliases
from wabucketref.operations.download import download
from wabucketref.operations.gc import gc
from wabucketref.operations.link import link
from wabucketref.operations.rebuild import rebuild
from wabucketref.operations.remove import remove
from wabucketref.operations.sync import sync
from wabucketref.operations.upload import upload
from wabucketref.operations.verify_all import verify_all

uploads = st.sampled_from(UPLOADS)
links = st.sampled_from(tuple(LINKS))
refs = st.sampled_from(REFS)
contents = st.integers(0, len(CONTENTS) - 1)
points = st.integers(1, 65)


class Machine(RuleBasedStateMachine):
    """One world. Operations run in this process, which lives on, or in one that is killed at some point."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.model = Model()
        self._kept: set[str] = set()
        for number, tree in enumerate(CONTENTS):
            trees.make(world.directory / f"content-{number}", tree)
        self._open()

    # ---- users -----------------------------------------------------------------------------------------------------

    @rule(ref=uploads, content=contents)
    def upload(self, ref: ArtifactRef, content: int) -> None:
        asked = self.model.ask()
        code = self._code(lambda: upload(self.ws, self._source(content), ref.name, ref.type, ref.alias))
        assert code == self.model.code_of_upload(ref, content)
        if code == 0:
            self.model.uploaded(ref, content, asked)
            self.model.unrecorded.discard(ref)
        self._observe(ref)

    @rule(ref=uploads, content=contents)
    def overwrite(self, ref: ArtifactRef, content: int) -> None:
        asked = self.model.ask()
        code = self._code(lambda: upload(self.ws, self._source(content), ref.name, ref.type, ref.alias, overwrite=True))
        assert code == self.model.code_of_upload(ref, content, overwrite=True)
        if code == 0:
            self.model.uploaded(ref, content, asked)
            self.model.unrecorded.discard(ref)
        self._observe(ref)

    @rule(ref=uploads, content=contents, overwrite=st.booleans())
    def upload_offline(self, ref: ArtifactRef, content: int, overwrite: bool) -> None:
        """It is in the bucket at once, and recorded by the next sync, whatever happens to it in between."""
        asked = self.model.ask()
        with self.world.open(mode="offline") as ws:
            code = self._code(
                lambda: upload(ws, self._source(content), ref.name, ref.type, ref.alias, overwrite=overwrite)
            )
        self._kept.update(self._journals())
        assert code == self.model.code_of_upload(ref, content, overwrite=overwrite)
        if code == 0:
            self.model.uploaded(ref, content, asked)
            self.model.unrecorded.add(ref)
        self._observe(ref)

    @rule(ref=links)
    def link(self, ref: ArtifactRef) -> None:
        asked, content = self.model.ask(), self.model.content(LINKS[ref])
        code = self._code(lambda: link(self.ws, LINKS[ref].directory, ref.name, ref.type, ref.alias))
        assert code == self.model.code_of_link(ref)
        if code == 0 and content is not None:
            self.model.uploaded(ref, content, asked)
            self.model.unrecorded.discard(ref)
        self._observe(ref)

    @rule(ref=refs)
    def remove(self, ref: ArtifactRef) -> None:
        """Also of what nobody finished, which the model does not know."""
        code = self._code(lambda: remove(self.ws, ref))
        if ref not in self.model.held:
            assert code in (0, MISSING)
            self.model.removed(ref)
        else:
            assert (code == 0) != self.model.is_linked(ref)
            if code == 0:
                self.model.removed(ref)
        self._observe(ref)

    @rule(ref=refs)
    def download(self, ref: ArtifactRef) -> None:
        target = self.world.directory / f"out-{self.model.ask()}"
        code = self._code(lambda: download(self.ws, ref, target))
        content = self.model.content(ref)
        if content is None or (code == REPLACED and ref in self.model.unrecorded):
            assert code == (MISSING if content is None else REPLACED)
            assert not target.exists()
        else:
            assert (code, trees.read(target)) == (0, CONTENTS[content])

    @rule(ref=refs, name=st.sampled_from(["prod", "best"]))
    def name(self, ref: ArtifactRef, name: str) -> None:
        """A movable name leads to what it was given to."""
        code = self._code(lambda: set_aliases(self.ws, ref, [name]))
        content = self.model.content(ref)
        if any(one.ref == ref for one in self.model.pending) or ref in self.model.removing | self.model.unrecorded:
            return  # the tracker may know it or not
        assert code == (MISSING if content is None else 0)
        if content is not None:
            found = self.ws.tracker.resolve(ArtifactRef(ref.type, ref.name, name), self.ws.project, self.ws.bucket)
            assert found.digest == digest(ref, content)

    @rule()
    def collect(self) -> None:
        """On the day after tomorrow: what waits in a journal has to be sent anew, and nothing else is lost."""
        with aged():
            done = gc(self.ws, apply=True)
        assert [one for one in done.items if one.state != "removed"] == []
        for ref in REFS:
            self._observe(ref)
        found = [one for one in verify_all(self.ws).findings if one.kind != "waiting"]
        assert found == []
        self.model.claimed.clear()

    @rule()
    def rebuild(self) -> None:
        """Whatever the bucket holds is recorded then."""
        result = rebuild(self.ws)
        assert result.skipped == []
        known = {one.ref: one.digest for one in self.ws.tracker.list_artifacts(self.ws.project)}
        for ref, held in self.model.held.items():
            assert known.get(ref) == digest(ref, held.content), ref
        self.model.unrecorded -= set(self.model.held)

    @rule()
    def restart(self) -> None:
        self.ws.close()
        self._open()

    # ---- kills and rivals ------------------------------------------------------------------------------------------

    @rule(ref=uploads, content=contents, overwrite=st.booleans(), at=points)
    def kill_upload(self, ref: ArtifactRef, content: int, overwrite: bool, at: int) -> None:
        argv = ("upload", f"content-{content}", *_named(ref), *(["--overwrite"] if overwrite else []))
        code = self.model.code_of_upload(ref, content, overwrite=overwrite)
        self._killed(
            argv, at, ref, code, Pending("", ref, content, overwrite, self.model.ask(), self.model.held.get(ref))
        )

    @rule(ref=links, at=points)
    def kill_link(self, ref: ArtifactRef, at: int) -> None:
        argv = ("link", LINKS[ref].directory, *_named(ref))
        self.model.claimed.update((ref, LINKS[ref]))
        self._killed(argv, at, ref, self.model.code_of_link(ref), Pending("", ref, None, False, self.model.ask()))

    @rule(ref=refs, at=st.integers(1, 12))
    def kill_removal(self, ref: ArtifactRef, at: int) -> None:
        linked, there = self.model.is_linked(ref), ref in self.model.held
        ended = self._child(("rm", str(ref)), at)
        self.model.claimed.add(ref)
        if ended.code == -9:
            if self._read(ref) is None:
                self.model.held.pop(ref, None)
                self.model.removing.add(ref)
        elif not there:
            assert ended.code in (0, MISSING), ended
            self.model.removed(ref)
        else:
            assert (ended.code == 0) != linked, ended
            if ended.code == 0:
                self.model.removed(ref)
        self._observe(ref)

    @rule(at=st.integers(1, 30))
    def kill_collection(self, at: int) -> None:
        ended = self.world.run(
            "gc", "--apply", points=f"*=kill@{at}", may_miss=True, call="tests.faults.sessions:collect"
        )
        assert ended.code in (0, -9), ended
        self.model.claimed.update(REFS)
        for ref in REFS:
            self._observe(ref)

    @rule(at=st.integers(1, 12))
    def kill_rebuild(self, at: int) -> None:
        ended = self._child(("rebuild",), at)
        assert ended.code in (0, -9), ended
        for ref in REFS:
            self._observe(ref)

    @rule(ref=refs, at=points)
    def kill_download(self, ref: ArtifactRef, at: int) -> None:
        """Whatever it leaves beside the destination, the next download into it is whole; it must not be told of damage
        because an overwrite, killed before, is not recorded yet."""
        argv = ("download", str(ref), "-d", f"killed-{ref.name}-{ref.alias}")
        self._child(argv, at)
        self._keep_new_journals(None)
        content = self.model.content(ref)
        if content is not None:
            ended = self.world.run(*argv)
            if ended.code == REPLACED and ref in self.model.unrecorded:
                return
            assert ended.code == 0, ended
            there = trees.read(self.world.directory / argv[-1])
            assert {name: there[name] for name in CONTENTS[content]} == CONTENTS[content]

    @rule(at=points)
    def kill_sync(self, at: int) -> None:
        ended = self._child(("sync",), at)
        if ended.code == 0:
            return self._all_settled()
        assert ended.code == -9, ended
        for ref in REFS:
            allowed = {self.model.held.get(ref), *self.model.after_sync(ref)}
            self._now_one_of(ref, allowed, withdrawn=any(one.ref == ref for one in self.model.pending))
        self.model.pending = [one for one in self.model.pending if self._waits(one.run)]
        return None

    @rule(ref=uploads, first=contents, second=contents, at=st.none() | points)
    def rivals(self, ref: ArtifactRef, first: int, second: int, at: int | None) -> None:
        """Two writers at once, of which the first may be killed."""
        codes = {content: self.model.code_of_upload(ref, content) for content in (first, second)}
        pending = Pending("", ref, first, False, self.model.ask())
        argv = [("upload", f"content-{content}", *_named(ref)) for content in (first, second)]
        one = self.world.start(*argv[0], points="" if at is None else f"*=kill@{at}")
        two = self.world.start(*argv[1])
        ended = (one.wait(), two.wait())
        note(f"the rivals ended with {[one.code for one in ended]}")
        assert ended[0].code in (0, 6, *(() if at is None else (-9,))), ended
        assert ended[1].code in (0, 6), ended
        won = {content for content, end in zip((first, second), ended, strict=True) if end.code == 0}
        assert len(won) <= 1, "two writers of one alias won"
        assert all(codes[content] == 0 for content in won), ended
        self._keep_new_journals(pending if ended[0].code == -9 else None)
        self.model.unrecorded.add(ref)
        asked = self.model.ask()
        before = self.model.held.get(ref)
        allowed = {before} if before else {Upload(content, asked) for content in won or (first, second)}
        self._now_one_of(ref, allowed, withdrawn=not won)

    @rule()
    def sync(self) -> None:
        sync(self.ws)
        self._all_settled()

    @rule(ref=uploads, position=st.integers(0, 10_000))
    def damage(self, ref: ArtifactRef, position: int) -> None:
        """One byte in the bucket: it is found wherever the file is part of something, and nobody gets it."""
        content = self.model.content(ref)
        if content is None or ref in self.model.unrecorded:
            return
        files = sorted(name for name, data in CONTENTS[content].items() if data)
        path = files[position % len(files)]
        key, data = f"{ref.directory}/{path}", CONTENTS[content][path]
        assert data
        position %= len(data)
        storage = self.ws.open_storage(self.ws.bucket)
        storage.put(key, data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        try:
            damaged = {item.artifact.ref for item in verify_all(self.ws, deep=True).items if item.state == "damaged"}
            holding = {one for one in (ref, *LINKS) if one in self.model.held and LINKS.get(one, ref) == ref}
            assert damaged == holding
            target = self.world.directory / f"out-{self.model.ask()}"
            assert self._code(lambda: download(self.ws, ref, target)) == IntegrityError.exit_code
            assert not target.exists()
        finally:
            storage.put(key, data)

    def teardown(self) -> None:
        for ref in sorted(self.model.removing, key=str):
            self.remove(ref)
        self.sync()
        assert not [run for run in self.ws.tracker.list_runs(self.ws.project) if str(run.state) == "running"]
        self.ws.close()

    # ---- the machine -----------------------------------------------------------------------------------------------

    def _open(self) -> None:
        self._opened = self.world.open()
        self.ws = self._opened.__enter__()

    def _source(self, content: int) -> Path:
        return self.world.directory / f"content-{content}"

    def _code(self, action: Callable[[], Any]) -> int:
        try:
            action()
        except WaBucketError as error:
            note(f"{type(error).__name__}: {error}")
            return error.exit_code
        return 0

    def _child(self, argv: tuple[str, ...], at: int) -> Ended:
        ended = self.world.run(*argv, points=f"*=kill@{at}", may_miss=True)
        note(f"{argv} ended with {ended.code}")
        return ended

    def _killed(self, argv: tuple[str, ...], at: int, ref: ArtifactRef, code: int, pending: Pending) -> None:
        ended = self._child(argv, at)
        content = pending.content if pending.content is not None else self.model.content(LINKS[ref])
        if ended.code != -9:
            assert ended.code == code, ended
            if code == 0 and content is not None:
                self.model.uploaded(ref, content, pending.asked)
            return self._observe(ref)
        self._keep_new_journals(pending)
        self.model.unrecorded.add(ref)
        before = self.model.held.get(ref)
        done = {Upload(content, pending.asked)} if code == 0 and content is not None else set()
        return self._now_one_of(ref, {before, *done}, withdrawn=pending.overwrite)

    def _keep_new_journals(self, pending: Pending | None) -> None:
        """Remember what the process that was just killed left to be done."""
        for run in self._journals() - self._kept:
            self._kept.add(run)
            if pending is not None and self._waits(run):
                self.model.pending.append(replace(pending, run=run))

    def _waits(self, run: str) -> bool:
        """Whether the run's journal has an operation that a sync will carry out."""
        path = self.world.home / "journal" / f"{run}.journal"
        found = recovered(path) if path.exists() else None
        return found is not None and bool(found.state.xids - found.settled)

    def _journals(self) -> set[str]:
        return {name.removesuffix(".journal") for name in self.world.journals}

    def _read(self, ref: ArtifactRef) -> int | None:
        """The content that a reader of the bucket is told of."""
        with_code: list[Any] = []
        code = self._code(lambda: with_code.append(self.ws.plane.find(self.ws.bucket, ref)))
        if code:
            assert code == MISSING
            return None
        (header,) = with_code
        assert header is not None, "it looks like an upload of an earlier release"
        found = [number for number in range(len(CONTENTS)) if digest(ref, number) == header.digest]
        assert found, "an upload that nobody made"
        return found[0]

    def _observe(self, ref: ArtifactRef) -> None:
        assert self._read(ref) == self.model.content(ref)

    def _now_one_of(self, ref: ArtifactRef, allowed: "set[Upload | None]", *, withdrawn: bool) -> None:
        """See what `ref` holds, which the model does not know for sure; nothing, if it may be withdrawn."""
        content = self._read(ref)
        if content is None:
            assert withdrawn or None in allowed, f"{ref} is lost; allowed: {allowed}"
            self.model.held.pop(ref, None)
            return
        found = [one for one in allowed if one is not None and one.content == content]
        assert found, f"{ref} holds {content}; allowed: {allowed}"
        self.model.held[ref] = found[0] if len(found) == 1 else max(found, key=lambda one: one.asked)

    def _all_settled(self) -> None:
        """After a sync: nothing waits, and bucket, tracker and model agree."""
        assert self._journals() == set()
        for ref in REFS:
            self._now_one_of(ref, self.model.after_sync(ref), withdrawn=False)
        self.model.pending.clear()
        self.model.unrecorded.clear()
        found = verify_all(self.ws, deep=True)
        gone = {item.artifact.ref for item in found.differing}
        assert gone <= self.model.removing, found.differing
        assert found.pending == 0, found
        recorded = {item.artifact.ref: item.artifact.digest for item in found.items if not item.differs}
        assert recorded == {ref: digest(ref, one.content) for ref, one in self.model.held.items()}
        left = [one.what for one in found.findings if not one.what.startswith(".wabucket-probe/")]
        allowed = tuple(f"{ref.directory}/.wabucket/claim" for ref in self.model.claimed)
        allowed += tuple(map(str, self.model.claimed))
        assert all(one.startswith(allowed) for one in left), left


def _named(ref: ArtifactRef) -> tuple[str, ...]:
    return ("-n", ref.name, "-t", ref.type, "-a", ref.alias)
