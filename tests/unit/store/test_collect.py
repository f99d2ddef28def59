"""Garbage of a bucket: what counts as such, and that it is looked at again before it goes."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.store import support
from tests.unit.store.aging import DAY, age
from tests.unit.store.support import (
    REF,
    Memory,
    adopt_plan,
    connect,
    keys,
    link_plan,
    make_tree,
    send,
    take_over,
    upload_plan,
)
from wabucketref import failpoints
from wabucketref.contracts.progress import SilentProgress
from wabucketref.contracts.storage import Storage
from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import LocalIOError, NotFound, UploadInProgress
from wabucketref.model.garbage import Garbage
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.claims.body import Body
from wabucketref.store.collect.collector import told
from wabucketref.store.collect.finding import Findings
from wabucketref.store.format.layout import Layout
from wabucketref.store.header import find
from wabucketref.store.identity import Identity
from wabucketref.store.linked import Mark

FILES: dict[str, bytes | None] = {"a.txt": b"hello", "deep/b": b"bytes"}
LAYOUT = Layout.of(REF)
LINK = ArtifactRef("model", "net", "linked")


@pytest.fixture(params=["conditional", "unconditional"])
def storage(request: pytest.FixtureRequest) -> Storage:
    found = support.bucket()
    return found if request.param == "conditional" else support.unconditional(found)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "src", FILES)


def find_all(storage: Storage, prefix: str = "") -> Findings:
    with support.plane(storage).collecting("b", progress=SilentProgress(), cancel=Cancel()) as collector:
        return collector.find(prefix)


def found(storage: Storage, prefix: str = "") -> list[tuple[str, str]]:
    return [(one.kind, one.what) for one in map(told, find_all(storage, prefix).items)]


def collect(storage: Storage, **points: Callable[[], None]) -> list[Garbage]:
    """Find and remove; at the first hit of a point (``__`` for the dot) something else happens."""
    with support.plane(storage).collecting("b", progress=SilentProgress(), cancel=Cancel()) as collector:
        items = collector.find().items
        if "planned" in points:
            points.pop("planned")()
        failpoints.install(at(points))
        try:
            return list(collector.remove(items))
        finally:
            failpoints.install(None)


def at(points: dict[str, Callable[[], None]]) -> Callable[[str], None]:
    waiting = {name.replace("__", "."): act for name, act in points.items()}

    def hit(name: str) -> None:
        act = waiting.pop(name, None)
        if act is not None:
            act()

    return hit


def states(done: list[Garbage]) -> list[tuple[str, str]]:
    return [(one.kind, one.state) for one in done]


def interrupted(storage: Storage, source: Path, **more: Any) -> None:
    """An upload that fails when its files are stored."""

    def fail() -> None:
        raise LocalIOError("no room")

    failpoints.install(at({"upload__files_stored": fail}))
    try:
        with pytest.raises(LocalIOError):
            send(storage, upload_plan(source, **more))
    finally:
        failpoints.install(None)


def claimed_by(storage: Storage, who: Identity, xid: str = "theirs") -> None:
    """A writer elsewhere holds the alias."""
    able = storage.capabilities.create_if_absent
    storage.put(LAYOUT.claim if able else LAYOUT.claim_of(xid), Body.new(who, xid, "n").encode())


# ---- unfinished uploads ----------------------------------------------------------------------------------------------


@pytest.mark.row("O7")
def test_an_unfinished_upload_goes_after_a_day(storage: Storage, source: Path) -> None:
    interrupted(storage, source)
    assert found(storage) == []
    age(storage, seconds=DAY - 60)
    assert found(storage) == []
    age(storage, seconds=120)
    (item,) = map(told, find_all(storage).items)
    assert (item.kind, item.what, item.bytes, item.state) == ("unfinished", str(REF), 10, "found")
    assert states(collect(storage)) == [("unfinished", "removed")]
    assert keys(storage) == []


def test_what_else_lies_in_a_bucket_is_no_garbage(storage: Storage, source: Path) -> None:
    """Uploads, those of earlier releases, links, plain data."""
    send(storage, upload_plan(source))
    connect(storage, link_plan("model/net/one", "x2", LINK))
    for key in ("old/up/load/file", "plain", "raw/data", "raw/a b/c/d", "model/net/one.txt"):
        storage.put(key, b"data")
    age(storage)
    before = keys(storage)
    assert collect(storage) == []
    assert keys(storage) == before


def test_a_live_claim_protects_whatever_its_files_age(storage: Storage, source: Path) -> None:
    interrupted(storage, source)
    age(storage)
    claimed_by(storage, support.stranger())
    assert found(storage) == []


def test_the_last_renewal_of_a_dead_claim_counts(storage: Storage, source: Path) -> None:
    interrupted(storage, source)
    age(storage)
    claimed_by(storage, support.stranger())
    age(storage, LAYOUT.control, DAY - 3600)
    assert found(storage) == []
    age(storage, LAYOUT.control, 7200)
    assert found(storage) == [("unfinished", str(REF))]


def test_a_store_without_times_has_no_garbage(source: Path) -> None:
    storage = support.bucket()
    interrupted(storage, source)
    for key, (data, info) in list(storage._bucket.objects.items()):
        storage._bucket.objects[key] = (data, replace(info, modified=None))
    assert found(storage) == []


@pytest.mark.row("A3")
def test_an_upload_that_is_finished_meanwhile_stays(storage: Storage, source: Path) -> None:
    interrupted(storage, source)
    age(storage)
    done = collect(storage, planned=lambda: send(storage, upload_plan(source)) and None)
    assert states(done) == [("unfinished", "kept")]
    assert find(storage, REF) is not None


@pytest.mark.row("A3")
def test_an_upload_that_goes_on_and_stops_meanwhile_stays(storage: Storage, source: Path) -> None:
    interrupted(storage, source)
    age(storage)
    before = [key for key in keys(storage) if "claim" not in key]
    done = collect(storage, planned=lambda: interrupted(storage, source))
    assert states(done) == [("unfinished", "kept")]
    assert [key for key in keys(storage) if "claim" not in key] == before


@pytest.mark.row("A3")
def test_whoever_comes_while_it_is_removed_waits(storage: Storage, source: Path) -> None:
    interrupted(storage, source)
    age(storage)
    refused = []

    def rival() -> None:
        with pytest.raises(UploadInProgress):
            send(storage, upload_plan(source, "x2"))
        refused.append(True)

    done = collect(storage, gc__object_gone=rival)
    assert (states(done), refused) == ([("unfinished", "removed")], [True])
    send(storage, upload_plan(source, "x2"))
    assert find(storage, REF) is not None


@pytest.mark.row("A3", "K1")
@pytest.mark.parametrize("point", ["gc__item", "gc__claimed", "gc__object_gone"])
def test_a_collection_that_stopped_goes_on(storage: Storage, source: Path, point: str) -> None:
    """At once: that it was itself at the upload is no sign of life."""
    interrupted(storage, source)
    age(storage)

    def stop() -> None:
        raise LocalIOError("stopped")

    with pytest.raises(LocalIOError):
        collect(storage, **{point: stop})
    with pytest.raises(NotFound):  # it must not look like an upload of an earlier release
        find(storage, REF)
    assert states(collect(storage)) == [("unfinished", "removed")]
    assert keys(storage) == []


# ---- beside what is committed ----------------------------------------------------------------------------------------


def test_claims_and_tokens_of_the_dead(storage: Storage, source: Path) -> None:
    send(storage, upload_plan(source))
    claimed_by(storage, support.stranger())
    storage.put(LAYOUT.token("x9"), b"1")
    age(storage, LAYOUT.control, 3600)
    assert found(storage) == []
    age(storage, LAYOUT.control)
    assert states(collect(storage)) == [("claim", "removed")] * 2
    assert [key for key in keys(storage, LAYOUT.control) if "claim" in key or "clock" in key] == []
    assert find(storage, REF) is not None


@pytest.mark.row("A3")
def test_a_claim_that_is_taken_over_meanwhile_stays(storage: Storage, source: Path) -> None:
    send(storage, upload_plan(source))
    claimed_by(storage, support.stranger())
    age(storage, LAYOUT.control)
    done = collect(storage, planned=lambda: claimed_by(storage, support.stranger("third")))
    assert states(done) == [("claim", "kept")]
    assert any("claim" in key for key in keys(storage))


def test_files_that_no_manifest_names(storage: Storage, source: Path) -> None:
    send(storage, upload_plan(source))
    for name in ("stray", "deep/stray", "young"):
        storage.put(LAYOUT.file(name), b"stray")
    age(storage)
    age(storage, LAYOUT.file("young"), -2 * DAY)
    (item,) = map(told, find_all(storage).items)
    assert (item.kind, item.what, item.objects, item.bytes) == ("orphan", str(REF), 2, 10)
    assert states(collect(storage)) == [("orphan", "removed")]
    files = [key.removeprefix(LAYOUT.prefix) for key in keys(storage, LAYOUT.prefix) if not LAYOUT.is_ours(key)]
    assert files == ["a.txt", "deep/b", "young"]


def test_files_below_a_link_that_are_not_its_own(storage: Storage, source: Path) -> None:
    send(storage, upload_plan(source))
    connect(storage, link_plan("model/net/one", "x2", LINK))
    storage.put(f"{LINK.directory}/stray", b"stray")
    age(storage)
    assert states(collect(storage)) == [("orphan", "removed")]
    assert find(storage, LINK) is not None
    assert len(keys(storage, LAYOUT.prefix)) == 4


@pytest.mark.row("B5", "A3")
def test_orphans_that_a_link_refers_to_stay(storage: Storage, source: Path) -> None:
    """Whether the link is there when garbage is looked for, or made right after."""
    send(storage, upload_plan(source))
    storage.put(LAYOUT.file("more/stray"), b"stray")
    age(storage)
    done = collect(storage, planned=lambda: connect(storage, link_plan("model/net/one/more", "x2", LINK)) and None)
    assert states(done) == [("orphan", "kept")]
    age(storage)
    findings = find_all(storage)
    assert findings.items == []
    assert [one.what for one in findings.kept] == [str(REF)]
    assert storage.head(LAYOUT.file("more/stray")) is not None


@pytest.mark.row("A3")
def test_orphans_of_what_is_replaced_meanwhile(storage: Storage, source: Path, tmp_path: Path) -> None:
    send(storage, upload_plan(source))
    storage.put(LAYOUT.file("stray"), b"stray")
    age(storage)
    other = make_tree(tmp_path / "other", {"stray": b"named now"})
    done = collect(storage, planned=lambda: send(storage, upload_plan(other, "x2", overwrite=True)) and None)
    assert states(done) == [("orphan", "kept")]
    assert storage.read(LAYOUT.file("stray"), limit=99)[0] == b"named now"


@pytest.mark.row("H1", "H4", "H5")
@pytest.mark.parametrize("damage", ["header", "entries", "newer", "case"])
def test_nothing_below_a_damaged_manifest_goes(storage: Storage, source: Path, damage: str) -> None:
    send(storage, upload_plan(source))
    storage.put(LAYOUT.file("stray"), b"stray")
    if damage in ("newer", "case"):
        data = storage.read(LAYOUT.header, limit=1 << 20)[0]
        old, new = (b'"format": "1.0"', b'"format": "2.0"') if damage == "newer" else (b'"one"', b'"One"')
        storage.put(LAYOUT.header, data.replace(old, new))
    else:
        storage.put(LAYOUT.header if damage == "header" else LAYOUT.entries, b"{}")
    age(storage)
    before = keys(storage)
    findings = find_all(storage)
    assert (findings.items, [one.what for one in findings.kept]) == ([], [str(REF)])
    assert collect(storage) == []
    assert keys(storage) == before


# ---- marks, trials, parts --------------------------------------------------------------------------------------------


def test_the_mark_of_a_link_that_is_gone(storage: Storage, source: Path) -> None:
    send(storage, upload_plan(source))
    Mark("model/net/one", "dead", LINK).put(storage)
    assert found(storage) == []
    age(storage)
    assert states(collect(storage)) == [("mark", "removed")]
    assert keys(storage, ".wabucket/") == []


@pytest.mark.row("A3")
def test_the_mark_of_a_link_that_is_made_meanwhile_stays(storage: Storage, source: Path) -> None:
    send(storage, upload_plan(source))
    Mark("model/net/one", "x2", LINK).put(storage)
    age(storage)
    done = collect(storage, planned=lambda: connect(storage, link_plan("model/net/one", "x2", LINK)) and None)
    assert states(done) == [("mark", "kept")]
    assert len(keys(storage, ".wabucket/")) == 1


def test_a_damaged_mark_goes_when_its_link_is_nowhere(storage: Storage, source: Path) -> None:
    send(storage, upload_plan(source))
    connect(storage, link_plan("model/net/one", "x2", LINK))
    (mark,) = keys(storage, ".wabucket/")
    storage.put(mark, b"?")
    dead = Mark("model/net/one", "dead", LINK).key
    storage.put(dead, b"?")
    age(storage)
    assert states(collect(storage)) == [("mark", "removed")]
    assert keys(storage, ".wabucket/") == [mark]


def test_what_trials_left(storage: Storage) -> None:
    for key in (".wabucket-probe/x", ".wabucket-check/y/z"):
        storage.put(key, b"1")
    assert found(storage) == []
    age(storage)
    assert states(collect(storage)) == [("trial", "removed")] * 2
    assert keys(storage) == []


@pytest.mark.row("O7")
def test_parts_of_uploads_that_nobody_finishes(source: Path) -> None:
    storage = support.bucket()
    for key in (LAYOUT.file("large"), "elsewhere/large"):
        storage.start_multipart(key, 10).put_part(1, b"x" * 10)
    assert found(storage) == []
    age(storage)
    claimed_by(storage, support.stranger())
    assert found(storage) == [("parts", "elsewhere/large")]
    storage.delete(LAYOUT.claim)
    done = collect(storage)
    assert [(one.what, one.bytes, one.state) for one in done] == [
        ("elsewhere/large", 10, "removed"),
        (LAYOUT.file("large"), 10, "removed"),
    ]
    assert list(storage.unfinished("")) == []
    assert keys(storage) == []


@pytest.mark.row("A3")
def test_parts_that_an_upload_goes_on_with_meanwhile(source: Path) -> None:
    storage = support.bucket()
    storage.start_multipart(LAYOUT.file("large"), 10).put_part(1, b"x" * 10)
    age(storage)
    done = collect(storage, planned=lambda: claimed_by(storage, support.stranger()))
    assert states(done) == [("parts", "kept")]
    assert len(list(storage.unfinished(""))) == 1


@pytest.mark.row("A3")
@pytest.mark.parametrize("point", ["upload.claimed", "upload.part", "upload.file_stored", "upload.header_sent"])
def test_a_collection_in_the_middle_of_an_upload(storage: Storage, tmp_path: Path, point: str) -> None:
    """All it has stored is old by then, and so is its claim's first word: that it lives is enough."""
    source = make_tree(tmp_path / "src", {"a": b"small", "large": bytes(5000)})
    runs = itertools.count()

    def hit(name: str) -> None:
        if name == point and next(runs) == 0:
            failpoints.install(None)
            age(storage, LAYOUT.directory, 2 * DAY)
            age(storage, LAYOUT.claim, -2 * DAY)
            age(storage, LAYOUT.claims, -2 * DAY)
            assert collect(storage) == []

    failpoints.install(hit)
    try:
        send(storage, upload_plan(source), Memory())
    finally:
        failpoints.install(None)
    assert next(runs) > 0
    assert find(storage, REF) is not None


def test_only_what_lies_in_the_scope(storage: Storage, source: Path) -> None:
    interrupted(storage, source)
    interrupted(storage, source, ref=ArtifactRef("dataset", "cats", "one"))
    storage.put(".wabucket-probe/x", b"1")
    age(storage)
    assert found(storage, "dataset/") == [("unfinished", "dataset/cats:one")]
    assert found(storage, "model/net/") == [("unfinished", str(REF))]
    assert found(storage, "model/other/") == []


# ---- uploads of earlier releases -------------------------------------------------------------------------------------


@pytest.fixture
def old(storage: Storage) -> list[str]:
    """An upload without a manifest, older than a day; its keys."""
    for path, data in FILES.items():
        assert data is not None
        storage.put(LAYOUT.file(path), data)
    age(storage)
    return keys(storage)


def is_there(storage: Storage, old: list[str]) -> bool:
    return find(storage, REF) is None and set(old) <= set(keys(storage))


@pytest.mark.row("A3")
@pytest.mark.parametrize("point", ["upload.claimed", "adopt.file_hashed", "upload.entries_put"])
def test_what_is_being_adopted_stays(storage: Storage, old: list[str], point: str) -> None:
    """Its claim may be as old as it likes, and be followed by nothing."""

    def stop(name: str) -> None:
        if name == point:
            raise LocalIOError("stopped")

    failpoints.install(stop)
    try:
        with pytest.raises(LocalIOError):
            take_over(storage, adopt_plan())
    finally:
        failpoints.install(None)
    age(storage)
    collect(storage)
    assert is_there(storage, old)


def test_beside_whom_somebody_looked_at_the_clock(storage: Storage, old: list[str]) -> None:
    storage.put(LAYOUT.token("x9"), b"1")
    age(storage)
    assert states(collect(storage)) == [("claim", "removed")]
    assert (is_there(storage, old), keys(storage)) == (True, old)


def test_parts_beside_an_upload_without_manifest_are_ended_without_a_claim(old: list[str]) -> None:
    """A claim, and a collection that dies with it, would make an unfinished upload of it."""
    storage = support.bucket()
    storage.put(LAYOUT.file("a"), b"data")
    storage.start_multipart(LAYOUT.file("large"), 10).put_part(1, b"x" * 10)
    Mark("raw", "x1", REF).put(storage)
    age(storage)
    claimed = []
    done = collect(storage, gc__claimed=lambda: claimed.append(True))
    assert (sorted(states(done)), claimed) == ([("mark", "removed"), ("parts", "removed")], [])
    assert find(storage, REF) is None


@pytest.mark.row("A3")
def test_an_unfinished_upload_that_became_an_old_one(storage: Storage, source: Path) -> None:
    """Somebody removed what was ours, with other tools, while it was collected."""
    interrupted(storage, source)
    age(storage)

    def restore() -> None:
        for key in keys(storage, LAYOUT.control):
            storage.delete(key)

    done = collect(storage, planned=restore)
    assert [(one.state, one.explanation) for one in done] == [("kept", "it is an upload of an earlier release")]
    assert keys(storage) == [LAYOUT.file("a.txt"), LAYOUT.file("deep/b")]
