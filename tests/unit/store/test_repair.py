"""Whatever is damaged in a bucket, the documented commands mend or remove it: nothing has to be edited by hand."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

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
    unconditional,
    upload_plan,
)
from wabucketref import failpoints
from wabucketref.contracts.storage import Storage
from wabucketref.errors import AliasTaken, Conflict, IntegrityError, LinkSourceNotFound, NotFound, UpgradeRequired
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.drivers.local import LocalStorage
from wabucketref.store.format.layout import MARKS, Layout

FILES = {"x": b"x" * 3000, "sub/y": b"yy"}
REF = ArtifactRef("model", "net", "one")
LINK = ArtifactRef("model", "net", "linked")
HEADER = Layout.of(REF).header


class Died(BaseException):
    """In the place of ``kill -9``."""


@pytest.fixture
def src(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "src", FILES)


@pytest.fixture(params=[lambda storage: storage, unconditional], ids=["conditional", "unconditional"])
def storage(request: pytest.FixtureRequest, src: Path) -> Storage:
    """A bucket with the upload REF."""
    made: Storage = request.param(bucket())
    send(made, upload_plan(src, "u1", REF))
    return made


def die_at(point: str) -> None:
    def die(name: str) -> None:
        if name == point:
            failpoints.install(None)
            raise Died

    failpoints.install(die)


def put(key: str, data: bytes) -> Callable[[Storage], object]:
    return lambda storage: storage.put(key, data)


DAMAGE = {
    "file missing": lambda storage: storage.delete("model/net/one/sub/y"),
    "file shorter": put("model/net/one/x", b"x"),
    "file of other bytes": put("model/net/one/x", b"z" * 3000),
    "entries missing": lambda storage: storage.delete(Layout.of(REF).entries),
    "entries damaged": put(Layout.of(REF).entries, b"junk"),
    "header damaged": put(HEADER, b'{"format": "1.0", '),
    "header empty": put(HEADER, b""),
    "header huge": put(HEADER, b" " * (17 << 20)),
    "header of another": lambda storage: storage.put(
        HEADER, storage.read(HEADER, limit=1 << 20)[0].replace(b'"net"', b'"ten"')
    ),
}
IN_HEADER = [what for what in DAMAGE if what.startswith("header")]


@pytest.mark.parametrize("what", DAMAGE)
def test_overwriting_with_the_same_source_mends(storage: Storage, src: Path, tmp_path: Path, what: str) -> None:
    DAMAGE[what](storage)
    done = send(storage, upload_plan(src, "u2", REF, overwrite=True))
    assert not done.already_there
    fetch(storage, download_plan(tmp_path / "out", REF))
    assert read_tree(tmp_path / "out") == FILES


def test_what_is_whole_is_not_sent_again(storage: Storage, src: Path) -> None:
    done = send(storage, upload_plan(src, "u2", REF, overwrite=True))
    assert (done.already_there, done.figures.bytes_moved) == (True, 0)


def test_nor_is_what_another_program_copied_here(storage: Storage, src: Path) -> None:
    data, before = storage.read("model/net/one/x", limit=1 << 20)
    assert storage.put("model/net/one/x", data).etag != before.etag
    assert send(storage, upload_plan(src, "u2", REF, overwrite=True)).already_there


def test_bits_that_flipped_on_a_disk_are_mended(src: Path, tmp_path: Path) -> None:
    """Nothing but the bytes shows them."""
    storage = LocalStorage(tmp_path / "bucket")
    (tmp_path / "bucket").mkdir()
    send(storage, upload_plan(src, "u1", REF))
    place = tmp_path / "bucket" / "model/net/one/x"
    before = place.stat()
    with place.open("r+b") as file:
        file.write(b"z")
    os.utime(place, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert storage.head("model/net/one/x").etag is not None  # type: ignore[union-attr]
    assert not send(storage, upload_plan(src, "u2", REF, overwrite=True)).already_there
    assert place.read_bytes() == FILES["x"]


@pytest.mark.parametrize("what", IN_HEADER)
def test_a_damaged_manifest_can_be_removed(storage: Storage, what: str) -> None:
    DAMAGE[what](storage)
    plane(storage).remove("memory://b", REF)
    assert keys(storage) == []


@pytest.mark.parametrize("what", IN_HEADER)
def test_without_overwrite_it_is_said_what_helps(storage: Storage, src: Path, what: str) -> None:
    DAMAGE[what](storage)
    with pytest.raises(IntegrityError) as caught:
        send(storage, upload_plan(src, "u2", REF))
    assert "--overwrite" in str(caught.value.hint)
    assert "wabucket rm model/net:one" in str(caught.value.hint)


def test_what_a_later_release_wrote_is_neither_replaced_nor_removed(storage: Storage, src: Path) -> None:
    storage.put(HEADER, storage.read(HEADER, limit=1 << 20)[0].replace(b'"1.', b'"2.'))
    for use in (
        lambda: plane(storage).remove("memory://b", REF),
        lambda: send(storage, upload_plan(src, "u2", REF, overwrite=True)),
    ):
        with pytest.raises(UpgradeRequired):
            use()
    assert storage.head("model/net/one/x")


@pytest.fixture
def linked(storage: Storage) -> Storage:
    """A bucket with LINK to the upload REF."""
    connect(storage, link_plan("model/net/one", "l1", LINK))
    return storage


def marks(storage: Storage) -> list[str]:
    return keys(storage, MARKS)


def test_a_damaged_link_goes_with_its_mark(linked: Storage) -> None:
    linked.put(Layout.of(LINK).header, b"junk")
    plane(linked).remove("memory://b", LINK)
    assert not any("linked" in key for key in keys(linked))
    assert marks(linked) == []


def test_a_damaged_link_replaced_leaves_no_mark(linked: Storage, src: Path) -> None:
    linked.put(Layout.of(LINK).header, b"junk")
    send(linked, upload_plan(src, "u2", LINK, overwrite=True))
    assert marks(linked) == []


def test_a_removal_of_a_link_that_died_goes_on(linked: Storage) -> None:
    die_at("remove.header_gone")
    with pytest.raises(Died):
        plane(linked).remove("memory://b", LINK)
    assert marks(linked)
    plane(linked).remove("memory://b", LINK)
    assert marks(linked) == []


def test_a_replacement_of_a_link_that_died_goes_on(linked: Storage, tmp_path: Path) -> None:
    plan = upload_plan(make_tree(tmp_path / "own", {"z": b"z"}), "u2", LINK, overwrite=True)
    die_at("upload.withdrawn")
    with pytest.raises(Died):
        send(linked, plan)
    assert marks(linked)
    send(linked, plan)
    assert marks(linked) == []


@pytest.mark.parametrize("point", ["link.marked", "upload.entries_put"])
def test_a_link_that_died_and_came_too_late_leaves_no_mark(storage: Storage, tmp_path: Path, point: str) -> None:
    die_at(point)
    with pytest.raises(Died):
        connect(storage, link_plan("model/net/one", "l1", LINK))
    send(storage, upload_plan(make_tree(tmp_path / "own", {"z": b"z"}), "u2", LINK))
    with pytest.raises(AliasTaken):
        connect(storage, link_plan("model/net/one", "l1", LINK))
    assert marks(storage) == []


def test_a_link_that_died_and_lost_its_source_leaves_no_mark(storage: Storage) -> None:
    storage.put("raw/a", b"a")
    die_at("link.marked")
    with pytest.raises(Died):
        connect(storage, link_plan("raw", "l1", LINK))
    storage.delete("raw/a")
    with pytest.raises(LinkSourceNotFound):
        connect(storage, link_plan("raw", "l1", LINK))
    assert marks(storage) == []


def test_a_link_that_is_there_keeps_its_mark_whatever_became_of_its_files(storage: Storage) -> None:
    storage.put("raw/a", b"a")
    connect(storage, link_plan("raw", "l1", LINK))
    storage.delete("raw/a")
    with pytest.raises(LinkSourceNotFound):
        connect(storage, link_plan("raw", "l1", LINK))
    assert len(marks(storage)) == 1


@pytest.mark.parametrize("data", [b"", b"{}", None], ids=["empty", "of nothing", "missing"])
def test_repeating_a_link_mends_its_mark(linked: Storage, data: bytes | None) -> None:
    (mark,) = marks(linked)
    whole = linked.read(mark, limit=1 << 20)[0]
    if data is None:
        linked.delete(mark)
    else:
        linked.put(mark, data)
        with pytest.raises(IntegrityError, match="wabucket"):
            plane(linked).remove("memory://b", REF)
    assert connect(linked, link_plan("model/net/one", "l2", LINK)).already_there
    assert marks(linked) == [mark]
    assert linked.read(mark, limit=1 << 20)[0] == whole
    with pytest.raises(Conflict):
        plane(linked).remove("memory://b", REF)


def test_nothing_is_still_nothing(storage: Storage) -> None:
    with pytest.raises(NotFound):
        plane(storage).remove("memory://b", ArtifactRef("model", "net", "none"))
