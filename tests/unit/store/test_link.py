"""Artifacts out of files that lie in the bucket already."""

from pathlib import Path

import pytest

from tests.unit.store.support import (
    REF,
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
    upload_plan,
)
from wabucketref.contracts.progress import SilentProgress
from wabucketref.contracts.storage import Storage
from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import AliasTaken, IntegrityError, LinkSourceNotFound, SourceChanged, UsageError
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.wrappers.faulty import Fault, Faulty

FILES = {"x": b"x", "sub/large": b"l" * 9000}
OWN = ["model/net/one/.wabucket/entries.jsonl.zst", "model/net/one/.wabucket/manifest.json"]


@pytest.fixture
def storage() -> Storage:
    found = bucket()
    for path, data in FILES.items():
        found.put(f"data/set/{path}", data)
    return found


def test_nothing_is_copied_and_the_files_come_back(storage: Storage, tmp_path: Path) -> None:
    done = connect(storage, link_plan("data/set"))
    assert (done.artifact.linked, done.artifact.files, done.artifact.bytes) == (True, 2, 9001)
    assert keys(storage, "model/") == OWN
    fetch(storage, download_plan(tmp_path / "out"))
    assert read_tree(tmp_path / "out") == FILES
    assert connect(storage, link_plan("data/set", "x2")).already_there
    storage.put("data/set/more", b"m")
    with pytest.raises(AliasTaken):
        connect(storage, link_plan("data/set", "x3"))


@pytest.mark.row("B5")
def test_linked_files_that_change_are_found_and_never_removed(storage: Storage, tmp_path: Path) -> None:
    connect(storage, link_plan("data/set"))
    storage.put("data/set/x", b"y")
    with pytest.raises(IntegrityError, match="'x' in the bucket"):
        fetch(storage, download_plan(tmp_path / "out"))
    seen = plane(storage).verify("memory://b", REF, deep=True, progress=SilentProgress(), cancel=Cancel())
    assert [(one.path, one.problem) for one in seen.damage] == [("x", "digest")]
    plane(storage).remove("memory://b", REF)
    assert keys(storage) == ["data/set/sub/large", "data/set/x"]


@pytest.mark.row("B4")
def test_an_alias_directory_can_be_linked_without_what_is_ours(storage: Storage, tmp_path: Path) -> None:
    other = ArtifactRef("model", "net", "two")
    send(storage, upload_plan(make_tree(tmp_path / "src", FILES), ref=other))
    connect(storage, link_plan("model/net/two"))
    fetch(storage, download_plan(tmp_path / "out"))
    assert read_tree(tmp_path / "out") == FILES
    connect(storage, link_plan("", "x2", ArtifactRef("all", "of", "it")))
    found = plane(storage).find("memory://b", ArtifactRef("all", "of", "it"))
    assert found is not None
    assert found.files == 4


@pytest.mark.row("B4")
@pytest.mark.parametrize("base", ["nowhere", "data/set/x", "data/se"])
def test_a_missing_base_is_a_value_error(storage: Storage, base: str) -> None:
    with pytest.raises(ValueError, match="does not exist or not a directory") as caught:
        connect(storage, link_plan(base))
    assert isinstance(caught.value, LinkSourceNotFound)
    assert caught.value.exit_code == 3
    with pytest.raises(LinkSourceNotFound):
        plane(storage).check_link_source("memory://b", base)
    plane(storage).check_link_source("memory://b", "data/set")


@pytest.mark.row("B4")
@pytest.mark.parametrize("base", ["../x", "/x", "a//b", "model/net/one", "model/net/one/sub", "x/.wabucket/y"])
def test_a_base_that_is_not_inside_or_our_own_is_refused(storage: Storage, base: str) -> None:
    with pytest.raises(UsageError):
        connect(storage, link_plan(base))
    assert keys(storage, "model/") == []


def test_a_file_that_changes_while_it_is_hashed_stops_the_link(storage: Storage) -> None:
    faulty = Faulty(
        storage,
        [Fault("read_range", "*large", nth=3, action=lambda _: storage.put("data/set/sub/large", b"") and None)],
    )
    with pytest.raises(SourceChanged):
        connect(faulty, link_plan("data/set"))
    with pytest.raises(FileNotFoundError):
        plane(storage).find("memory://b", REF)


def test_paths_that_no_artifact_may_have_are_named(storage: Storage) -> None:
    storage.put("data/set/e\u0301", b"")
    with pytest.raises(UsageError, match="NFC"):
        connect(storage, link_plan("data/set"))
