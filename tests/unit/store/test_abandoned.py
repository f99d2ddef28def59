"""What a killed download left beside its destination goes with the next one that has no use for it."""

import fcntl
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.store.support import REF, SMALL, bucket, download_plan, fetch, make_tree, plane, send, upload_plan
from wabucketref import failpoints
from wabucketref.contracts.storage import Storage
from wabucketref.errors import Interrupted, NotFound, UnfinishedUpload
from wabucketref.store.receiving import staging

FILES = {"a": b"aaa", "d/b": b"b" * 9000}
LONG = "ł" * 127
"""As many bytes as a name may have, nearly."""


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    found = bucket()
    send(found, upload_plan(make_tree(tmp_path / "src", FILES)))
    return found


def stopped(storage: Storage, out: Path) -> list[Path]:
    """Begin a download and stop it; what it left."""
    before = staged(out)

    def stop(name: str) -> None:
        if name == "download.file_verified":
            raise Interrupted("stop")

    failpoints.install(stop)
    try:
        with pytest.raises(Interrupted):
            fetch(storage, download_plan(out), limits=replace(SMALL, concurrency=1))
    finally:
        failpoints.install(None)
    return [path for path in staged(out) if path not in before]


def staged(out: Path) -> list[Path]:
    below = sorted((out / ".wabucket").glob("*"))
    return sorted(path for path in out.parent.iterdir() if path.name.startswith(".")) + below


def replaced(storage: Storage, tmp_path: Path) -> None:
    new = make_tree(tmp_path / "new", {"a": b"new", "d/b": b"n" * 9000})
    send(storage, upload_plan(new, "x2", overwrite=True))


@pytest.mark.row("D5", "K1")
@pytest.mark.parametrize("name", ["out", LONG], ids=["short", "long"])
def test_of_an_upload_that_was_replaced(storage: Storage, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    assert len(stopped(storage, out)) == 1
    replaced(storage, tmp_path)
    fetch(storage, download_plan(out))
    assert staged(out) == []


@pytest.mark.row("D5", "K1")
def test_of_an_upload_that_was_removed(storage: Storage, tmp_path: Path) -> None:
    out, typo = tmp_path / "out", replace(REF, alias="oen")
    send(storage, upload_plan(tmp_path / "src", "x3", ref=replace(REF, alias="other")))
    left = stopped(storage, out)
    with pytest.raises(NotFound):
        fetch(storage, download_plan(out, typo))
    assert staged(out) == left, "another artifact is gone"
    plane(storage).remove("memory://b", REF)
    with pytest.raises(NotFound):
        fetch(storage, download_plan(out))
    assert staged(out) == []


@pytest.mark.row("D5")
def test_while_an_upload_is_being_replaced_it_stays(storage: Storage, tmp_path: Path) -> None:
    out = tmp_path / "out"
    left = stopped(storage, out)
    storage.delete("model/net/one/.wabucket/manifest.json")
    with pytest.raises(UnfinishedUpload):
        fetch(storage, download_plan(out))
    assert staged(out) == left


@pytest.mark.row("D1", "D5")
def test_below_the_destination(storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = make_tree(tmp_path / "out", {})
    monkeypatch.setattr(staging.os.path, "ismount", lambda path: path == str(out))
    assert [path.parent.name for path in stopped(storage, out)] == [".wabucket"]
    replaced(storage, tmp_path)
    fetch(storage, download_plan(out))
    assert not (out / ".wabucket").exists()


@pytest.mark.row("D5")
def test_one_that_is_at_work_stays(storage: Storage, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (left,) = stopped(storage, out)
    owner = os.open(left, os.O_RDONLY)
    try:
        fcntl.flock(owner, fcntl.LOCK_EX)
        replaced(storage, tmp_path)
        fetch(storage, download_plan(out))
        assert staged(out) == [left]
        assert (left / "a").read_bytes() == FILES["a"]
    finally:
        os.close(owner)
    fetch(storage, download_plan(out))
    assert staged(out) == []


def _link(path: Path, canary: Path) -> None:
    path.symlink_to(canary)


def _file(path: Path, canary: Path) -> None:
    path.write_bytes(b"mine")


def _holds_a_link(path: Path, canary: Path) -> None:
    path.mkdir(mode=0o700)
    (path / "link").symlink_to(canary)


def _of_another_user(path: Path, canary: Path) -> None:
    path.mkdir(mode=0o700)
    os.chown(path, 65534, 65534)


@pytest.mark.row("D3", "D5")
@pytest.mark.parametrize(
    ("plant", "stays"), [(_link, True), (_file, True), (_of_another_user, True), (_holds_a_link, False)]
)
def test_nothing_foreign_is_touched(
    storage: Storage, tmp_path: Path, plant: Callable[[Path, Path], None], stays: bool
) -> None:
    if plant is _of_another_user and os.geteuid() != 0:
        pytest.skip("only root can give directories away")
    out, canary = tmp_path / "out", make_tree(tmp_path / "canary", {"bird": b"alive"})
    (left,) = stopped(storage, out)
    others = [left.with_name(name) for name in (".out.wabucket-mine", ".out2" + left.name[4:], left.name[1:])]
    for other in others:
        other.mkdir()
    planted = left.with_name(left.name[:-4] + "0000")
    plant(planted, canary)
    replaced(storage, tmp_path)
    fetch(storage, download_plan(out))
    assert (os.path.lexists(planted), left.exists()) == (stays, False)
    assert (canary / "bird").read_bytes() == b"alive"
    assert all(other.is_dir() for other in others)
