"""A collection beside every other operation: at each point of the one the other is carried out as a whole.

Whatever comes first, an upload is there with all its bytes or was refused and succeeds when it is repeated.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.unit.store import support
from tests.unit.store.aging import age
from tests.unit.store.support import (
    REF,
    Memory,
    connect,
    download_plan,
    fetch,
    link_plan,
    make_tree,
    plane,
    read_tree,
    send,
    upload_plan,
)
from wabucketref import failpoints
from wabucketref.contracts.progress import SilentProgress
from wabucketref.contracts.storage import Storage
from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import Conflict, LocalIOError, NotFound, ReplacedWhileReading, SourceChanged, WaBucketError
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.format.layout import Layout
from wabucketref.store.linked import Mark

pytestmark = pytest.mark.row("A3")

DEAD = replace(REF, alias="dead")
NEW = replace(REF, alias="new")
LINK = ArtifactRef("model", "link", "one")
OLD: dict[str, bytes | None] = {"a": b"a" * 3000, "deep/b": b"b"}
OTHER: dict[str, bytes | None] = {"a": b"A" * 3000, "c": b"c"}
REFUSED = (Conflict, NotFound, ReplacedWhileReading, SourceChanged)
POINTS = ("gc.item", "gc.claimed", "gc.object_gone", "gc.item_removed")


@dataclass
class Bench:
    """A bucket with an upload, and with garbage of every kind, two days old."""

    storage: Storage
    directory: Path
    memory: Memory

    def source(self, tree: dict[str, bytes | None]) -> Path:
        return self.directory / ("old" if tree is OLD else "other")

    def collect(self) -> None:
        with plane(self.storage).collecting("b", progress=SilentProgress(), cancel=Cancel()) as collector:
            list(collector.remove(collector.find().items))

    def holds(self, ref: ArtifactRef) -> dict[str, bytes | None] | None:
        """What a reader gets, None when nothing is there."""
        target = self.directory / "read"
        shutil.rmtree(target, ignore_errors=True)
        try:
            fetch(self.storage, download_plan(target, ref))
        except NotFound:
            return None
        return read_tree(target)


def resume(bench: Bench) -> None:
    send(bench.storage, upload_plan(bench.source(OLD), "dead", DEAD), bench.memory)


def upload(bench: Bench) -> None:
    """Of which a large file lies in the bucket already."""
    send(bench.storage, upload_plan(bench.source(OLD), "new", NEW))


def overwrite(bench: Bench) -> None:
    send(bench.storage, upload_plan(bench.source(OTHER), "over", overwrite=True))


def link(bench: Bench) -> None:
    connect(bench.storage, link_plan("model/net/one", "link", LINK))


def link_stray(bench: Bench) -> None:
    connect(bench.storage, link_plan("model/net/one/stray", "link", LINK))


def download(bench: Bench) -> None:
    assert bench.holds(REF) == OLD


def remove(bench: Bench) -> None:
    plane(bench.storage).remove("b", REF)


@dataclass(frozen=True)
class Rival:
    act: Callable[[Bench], None]
    ref: ArtifactRef
    holds: dict[str, bytes | None] | None
    """What `ref` holds when it succeeded."""


RIVALS = {
    "resume": Rival(resume, DEAD, OLD),
    "upload": Rival(upload, NEW, OLD),
    "overwrite": Rival(overwrite, REF, OTHER),
    "link": Rival(link, LINK, OLD),
    "link of what is collected": Rival(link_stray, LINK, {"x": b"stray"}),
    "download": Rival(download, REF, OLD),
    "rm": Rival(remove, REF, None),
}


@pytest.fixture(params=["conditional", "unconditional"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Bench]:
    make_tree(tmp_path / "old", OLD)
    make_tree(tmp_path / "other", OTHER)

    def bench() -> Bench:
        storage: Storage = support.bucket()
        storage = storage if request.param == "conditional" else support.unconditional(storage)
        made = Bench(storage, tmp_path, Memory())
        upload_old(made)
        return made

    return bench


def upload_old(bench: Bench) -> None:
    storage = bench.storage
    send(storage, upload_plan(bench.source(OLD)))
    with at("upload.files_stored", stop), pytest.raises(LocalIOError):
        resume(bench)
    storage.put(f"{REF.directory}/stray/x", b"stray")
    storage.put(Layout.of(REF).token("dead"), b"1")
    Mark("model/net/one", "gone", replace(REF, alias="gone")).put(storage)
    age(storage)


def stop() -> None:
    raise LocalIOError("no room")


class at:
    """Something happens once, at the `number`-th time that a point is passed; no point counts meanwhile."""

    def __init__(self, point: str, act: Callable[[], None], number: int = 1) -> None:
        self._point = point
        self._act = act
        self._left = number
        self.passed = 0

    def __call__(self, name: str) -> None:
        if name != self._point and self._point != "*":
            return
        self.passed += 1
        self._left -= 1
        if self._left == 0:
            self._act()

    def __enter__(self) -> "at":
        failpoints.install(self)
        return self

    def __exit__(self, *_: object) -> None:
        failpoints.install(None)


def alone(act: Callable[[], None]) -> Callable[[], None]:
    """Without counting its own points."""

    def quietly() -> None:
        before = failpoints._hook
        failpoints.install(None)
        try:
            act()
        finally:
            failpoints.install(before)

    return quietly


def check(bench: Bench, rival: Rival, error: WaBucketError | None) -> None:
    """Whoever was refused succeeds afterwards; nothing that is committed lacks a byte."""
    if error is not None:
        assert isinstance(error, REFUSED), error
        if rival.act is not link_stray:  # what it was to link is collected
            rival.act(bench)
    if error is None or rival.act is not link_stray:
        got = bench.holds(rival.ref)
        if rival.act is link and got is not None:
            got.pop("stray/x", None)  # which a link of all that lies there has, if it comes first
        assert got == rival.holds
    if rival.ref != REF:
        assert bench.holds(REF) == OLD
    for ref in (REF, DEAD, NEW, LINK):
        header = None
        try:
            header = plane(bench.storage).find("b", ref)
        except NotFound:
            continue
        assert header is not None, f"{ref} looks like an upload of an earlier release"
        found = plane(bench.storage).compare("b", ref, header, deep=True, progress=SilentProgress(), cancel=Cancel())
        assert found.damage == ()


def attempt(act: Callable[[], None]) -> WaBucketError | None:
    try:
        act()
    except WaBucketError as error:
        return error
    return None


@pytest.mark.parametrize("name", RIVALS)
def test_others_at_each_point_of_a_collection(make: Callable[[], Bench], name: str) -> None:
    rival, reached = RIVALS[name], set()
    for point in POINTS:
        for number in range(1, 20):
            bench, errors = make(), list[WaBucketError | None]()
            step = at(point, alone(lambda: errors.append(attempt(lambda: rival.act(bench)))), number)  # noqa: B023
            with step:
                bench.collect()
            if not errors:
                break
            reached.add(point)
            check(bench, rival, errors[0])
    assert reached == set(POINTS)


@pytest.mark.parametrize("name", RIVALS)
def test_a_collection_at_each_point_of_the_others(make: Callable[[], Bench], name: str) -> None:
    rival, numbers = RIVALS[name], 0
    for number in range(1, 60):
        bench = make()
        errors: list[WaBucketError | None] = []
        step = at("*", alone(lambda: errors.append(attempt(bench.collect))), number)  # noqa: B023
        with step:
            error = attempt(lambda: rival.act(bench))  # noqa: B023
        if not errors:
            break
        numbers = number
        assert errors == [None]
        check(bench, rival, error)
    assert numbers >= 4
