"""Bytes that a link refers to are neither removed nor replaced, whoever holds them."""

import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.store.support import (
    bucket,
    connect,
    download_plan,
    fetch,
    keys,
    link_plan,
    make_tree,
    plane,
    read_tree,
    send,
    stranger,
    unconditional,
    upload_plan,
)
from wabucketref import failpoints
from wabucketref.contracts.storage import Storage
from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import Conflict, IntegrityError, NotFound, SourceChanged, UnfinishedUpload, UploadInProgress
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.claims.take import take_claim
from wabucketref.store.format.layout import MARKS, mark_of, mark_prefixes, marked_base

FILES = {"x": b"x", "sub/y": b"yy"}
SOURCE = ArtifactRef("data", "set", "one")
LINK = ArtifactRef("model", "net", "linked")


@pytest.fixture(params=[lambda storage: storage, unconditional], ids=["conditional", "unconditional"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """A bucket with the upload SOURCE."""
    made: Storage = request.param(bucket())
    send(made, upload_plan(make_tree(tmp_path / "src", FILES), "u1", SOURCE))
    return made


def remove(storage: Storage, ref: ArtifactRef = SOURCE) -> None:
    plane(storage).remove("memory://b", ref)


def overwrite(storage: Storage, tmp_path: Path) -> None:
    send(storage, upload_plan(make_tree(tmp_path / "other", {"x": b"new"}), "u2", SOURCE, overwrite=True))


@pytest.mark.row("B5")
@pytest.mark.parametrize("base", ["data/set/one", "data/set/one/sub", "data/set", "data", ""])
def test_the_upload_stays_while_the_link_is_there(storage: Storage, tmp_path: Path, base: str) -> None:
    connect(storage, link_plan(base, "l1", LINK))
    before = keys(storage)
    uses: list[Any] = [lambda: remove(storage), lambda: overwrite(storage, tmp_path)]
    for use in uses:
        with pytest.raises(Conflict, match="data/set:one holds the files of model/net:linked") as caught:
            use()
        assert caught.value.exit_code == 6
        assert "wabucket rm model/net:linked" in (caught.value.hint or "")
    assert keys(storage) == before
    fetch(storage, download_plan(tmp_path / "out", LINK))
    send(storage, upload_plan(tmp_path / "src", "u3", SOURCE, overwrite=True))
    remove(storage, LINK)
    assert not any(key.startswith((".wabucket/", "model/")) for key in keys(storage))
    overwrite(storage, tmp_path)
    remove(storage)
    assert keys(storage) == []


def test_the_mark_of_a_try_that_died_goes_when_it_is_settled(storage: Storage) -> None:
    """The same link was made by repeating the command; ``sync`` then meets the one that died."""
    storage.put(mark_of("data/set/one", "l1"), b"{}")
    connect(storage, link_plan("data/set/one", "l2", LINK))
    for xid in ("l1", "l2"):
        assert connect(storage, link_plan("data/set/one", xid, LINK)).already_there
    assert [key for key in keys(storage) if key.startswith(MARKS)] == [mark_of("data/set/one", "l2")]


def test_what_came_after_a_link_of_something_above_can_go(storage: Storage, tmp_path: Path) -> None:
    connect(storage, link_plan("data/set", "l1", LINK))
    later = ArtifactRef("data", "set", "two")
    send(storage, upload_plan(tmp_path / "src", "u2", later))
    remove(storage, later)
    fetch(storage, download_plan(tmp_path / "out", LINK))
    assert read_tree(tmp_path / "out") == {f"one/{path}": data for path, data in FILES.items()}


def test_an_old_upload_stays_one_and_is_kept_too(storage: Storage, tmp_path: Path) -> None:
    old = ArtifactRef("raw", "faces", "v1")
    storage.put("raw/faces/v1/a", b"a")
    connect(storage, link_plan("raw/faces/v1", "l1", LINK))
    assert plane(storage).find("memory://b", old) is None
    plan = upload_plan(tmp_path / "src", "u2", old, overwrite=True)
    uses: list[Any] = [lambda: remove(storage, old), lambda: send(storage, plan)]
    for use in uses:
        with pytest.raises(Conflict, match="model/net:linked"):
            use()
    assert plane(storage).find("memory://b", old) is None
    assert keys(storage, "raw/") == ["raw/faces/v1/a"]


def test_several_links_are_named(storage: Storage) -> None:
    for number in range(7):
        connect(storage, link_plan("data/set/one", f"l{number}", ArtifactRef("model", "net", f"n{number}")))
    with pytest.raises(Conflict, match=r"model/net:n0, .*n4 and 2 more"):
        remove(storage)


def test_marks_of_links_that_are_gone_do_not_count(storage: Storage, tmp_path: Path) -> None:
    connect(storage, link_plan("data/set/one", "l1", LINK))
    mark = mark_of("data/set/one", "l1")
    data = storage.read(mark, limit=1000)[0]
    remove(storage, LINK)
    storage.put(mark, data)
    overwrite(storage, tmp_path)
    assert keys(storage, MARKS) == []
    send(storage, upload_plan(tmp_path / "src", "u4", LINK))
    storage.put(mark, data)
    remove(storage)
    assert [key for key in keys(storage) if not key.startswith("model/net/linked/")] == []


def test_a_link_replaced_by_an_upload_holds_nothing(storage: Storage, tmp_path: Path) -> None:
    connect(storage, link_plan("data/set/one", "l1", LINK))
    send(storage, upload_plan(make_tree(tmp_path / "own", {"z": b"z"}), "u2", LINK, overwrite=True))
    assert keys(storage, MARKS) == []
    remove(storage)


def test_a_failed_link_leaves_no_mark(storage: Storage) -> None:
    def change(name: str) -> None:
        if name == "link.marked":
            storage.put("data/set/one/late", b"l")

    failpoints.install(change)
    with pytest.raises(SourceChanged):
        connect(storage, link_plan("data/set/one", "l1", LINK))
    assert keys(storage, MARKS) == []


@pytest.mark.row("B5")
@pytest.mark.parametrize("point", ["link.marked", "link.file_hashed", "upload.entries_put", "upload.header_answered"])
def test_nothing_is_removed_while_it_is_being_linked(storage: Storage, tmp_path: Path, point: str) -> None:
    failures: list[Conflict] = []
    once = threading.Lock()
    uses: list[Any] = [lambda: remove(storage), lambda: overwrite(storage, tmp_path)]

    def intrude(name: str) -> None:
        if name == point and once.acquire(blocking=False):
            for use in uses:
                with pytest.raises(Conflict) as caught:
                    use()
                failures.append(caught.value)

    failpoints.install(intrude)
    connect(storage, link_plan("data/set/one", "l1", LINK))
    failpoints.install(None)
    assert len(failures) == 2
    fetch(storage, download_plan(tmp_path / "out", LINK))
    assert read_tree(tmp_path / "out") == FILES


@pytest.mark.parametrize("base", ["data/set/one", "data/set/one/sub", "data"])
def test_nothing_is_linked_while_it_is_being_removed(storage: Storage, base: str) -> None:
    with take_claim(storage, SOURCE, stranger(), "rm-1", Cancel()):
        with pytest.raises(UploadInProgress):
            connect(storage, link_plan(base, "l1", LINK))
        storage.delete("data/set/one/.wabucket/manifest.json")
        with pytest.raises(UnfinishedUpload, match="being removed"):
            connect(storage, link_plan(base, "l2", LINK))
    assert keys(storage, MARKS) == []
    with pytest.raises(NotFound):
        plane(storage).find("memory://b", LINK)


def test_a_removal_between_the_listing_and_the_mark_is_noticed(storage: Storage) -> None:
    def intrude(name: str) -> None:
        if name == "upload.claimed":
            failpoints.install(None)
            remove(storage)

    failpoints.install(intrude)
    with pytest.raises(FileNotFoundError):
        connect(storage, link_plan("data/set/one", "l1", LINK))
    assert keys(storage, MARKS) == []


def test_a_crashed_link_does_not_hold_and_can_be_finished(storage: Storage, tmp_path: Path) -> None:
    def crash(name: str) -> None:
        if name == "upload.header_sent":
            raise KeyboardInterrupt

    failpoints.install(crash)
    with pytest.raises(KeyboardInterrupt):
        connect(storage, link_plan("data/set/one", "l1", LINK))
    failpoints.install(None)
    assert keys(storage, MARKS) == [mark_of("data/set/one", "l1")]
    connect(storage, link_plan("data/set/one", "l1", LINK))
    with pytest.raises(Conflict):
        remove(storage)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"type": "a", "name": "b/c", "alias": "d", "xid": "l1"}'])
def test_a_damaged_mark_is_named(storage: Storage, data: bytes) -> None:
    storage.put(mark_of("data/set/one", "l1"), data)
    with pytest.raises(IntegrityError, match=r"\.wabucket/links/data/set/one/\.wabucket/l1\.json"):
        remove(storage)
    assert storage.head("data/set/one/.wabucket/manifest.json")


PART = st.sampled_from(["a", "b", "ab", "a.b"])


@given(st.lists(PART, max_size=5), st.lists(PART, min_size=3, max_size=3))
def test_marks_are_found_exactly_where_link_and_artifact_may_overlap(base: list[str], artifact: list[str]) -> None:
    key = mark_of("/".join(base), "x1")
    assert marked_base(key) == "/".join(base)
    overlap = base[:3] == artifact[: len(base)]
    found = [prefix for prefix in mark_prefixes("/".join(artifact)) if key.startswith(prefix)]
    assert len(found) == overlap
