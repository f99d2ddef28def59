"""The main path on every store, in this process: what goes up comes back, and lies where it must."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults import trees
from tests.integration.conftest import Store
from wabucketref.errors import AliasTaken, IntegrityError, LinkSourceNotFound, NotFound, UnfinishedUpload
from wabucketref.model.reference import ArtifactRef
from wabucketref.operations import look
from wabucketref.operations.aliases import set_aliases
from wabucketref.operations.download import download
from wabucketref.operations.link import link
from wabucketref.operations.remove import remove
from wabucketref.operations.upload import upload
from wabucketref.operations.verify import verify
from wabucketref.operations.workspace import Workspace
from wabucketref.settings import load_settings
from wabucketref.wiring import open_workspace

REF = ArtifactRef("dataset", "cats", "one")


@contextmanager
def workspace(store: Store, home: Path, **settings: object) -> Iterator[Workspace]:
    given = {"project_name": "demo", "bucket": store.bucket, "home": str(home), "tracker": "embedded", **settings}
    environ = {"NO_PROXY": "127.0.0.1,localhost", **store.environ}
    with open_workspace(load_settings(given), environ=environ) as opened:
        yield opened


@pytest.fixture
def ws(store: Store, tmp_path: Path) -> Iterator[Workspace]:
    with workspace(store, tmp_path / "home") as opened:
        yield opened


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return trees.make(tmp_path / "src", trees.VARIED)


def test_a_tree_comes_back_and_lies_where_it_shall(ws: Workspace, store: Store, source: Path, tmp_path: Path) -> None:
    result = upload(ws, source, "cats", "dataset", "one", metadata={"split": "train"})
    assert result.tracking == "recorded"
    assert result.artifact.version == "v0"
    assert result.artifact.uri == f"{store.bucket}/dataset/cats/one"
    files = {name: data for name, data in trees.VARIED.items() if data is not None}
    assert (result.artifact.files, result.artifact.bytes) == (len(files), sum(map(len, files.values())))
    assert result.transfer.bytes_moved == result.artifact.bytes

    seen = store.below("dataset/cats/one/")
    assert {name: data for name, data in seen.items() if not name.startswith(".wabucket/")} == files
    assert {name for name in seen if name.startswith(".wabucket/")} == {
        ".wabucket/manifest.json",
        ".wabucket/entries.jsonl.zst",
    }
    header = json.loads(seen[".wabucket/manifest.json"])
    assert (header["type"], header["name"], header["alias"]) == ("dataset", "cats", "one")
    assert store.bucket not in seen[".wabucket/manifest.json"].decode(), "a bucket may be moved"

    fetched = download(ws, REF, tmp_path / "out")
    assert fetched.verified
    assert trees.read(tmp_path / "out", without="") == trees.VARIED
    assert verify(ws, REF, deep=True).damage == ()


def test_the_use_is_the_lineage(ws: Workspace, source: Path, tmp_path: Path) -> None:
    made = upload(ws, source, "cats", "dataset", "one")
    used = download(ws, REF, tmp_path / "out")
    found = look.lineage(ws, REF)
    assert found.produced_by is not None
    assert made.run is not None
    assert used.run is not None
    assert found.produced_by.id == made.run.id
    assert [run.id for run in found.used_by] == [used.run.id]
    assert found.produced_by.outputs == ("dataset/cats:one",)


def test_one_file(ws: Workspace, store: Store, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"weights")
    upload(ws, tmp_path / "model.bin", "m", "model", "one")
    assert store.objects()["model/m/one/model.bin"] == b"weights"
    download(ws, ArtifactRef("model", "m", "one"), tmp_path / "out")
    assert trees.read(tmp_path / "out", without="") == {"model.bin": b"weights"}


def test_the_same_again_sends_nothing_and_other_content_is_refused(ws: Workspace, store: Store, source: Path) -> None:
    upload(ws, source, "cats", "dataset", "one")
    before = store.objects()
    again = upload(ws, source, "cats", "dataset", "one")
    assert (again.transfer.bytes_moved, again.artifact.version) == (0, "v0")
    (source / "a.txt").write_bytes(b"other")
    with pytest.raises(AliasTaken):
        upload(ws, source, "cats", "dataset", "one")
    assert store.objects() == before


def test_overwrite_replaces_everything(ws: Workspace, store: Store, source: Path, tmp_path: Path) -> None:
    upload(ws, source, "cats", "dataset", "one")
    other = trees.make(tmp_path / "other", trees.TWO_FILES)
    result = upload(ws, other, "cats", "dataset", "one", overwrite=True)
    assert result.artifact.version == "v1"
    download(ws, REF, tmp_path / "out")
    assert trees.read(tmp_path / "out", without="") == trees.TWO_FILES
    kept = {name for name in store.below("dataset/cats/one/") if not name.startswith(".wabucket/")}
    assert kept == set(trees.TWO_FILES)


def test_a_link_copies_nothing_and_rm_leaves_its_files(ws: Workspace, store: Store, tmp_path: Path) -> None:
    for name, data in trees.TWO_FILES.items():
        assert data is not None
        store.put(f"raw/cats/{name}", data)
    linked = link(ws, "raw/cats", "cats", "dataset", "one")
    assert linked.artifact.linked
    assert linked.transfer.bytes_moved == 0
    assert all(name.startswith(".wabucket/") for name in store.below("dataset/cats/one/"))
    download(ws, REF, tmp_path / "out")
    assert trees.read(tmp_path / "out", without="") == trees.TWO_FILES
    remove(ws, REF)
    assert store.below("raw/cats/") == trees.TWO_FILES
    assert store.below("dataset/") == {}
    with pytest.raises(NotFound):
        download(ws, REF, tmp_path / "out2")


@pytest.mark.row("B5")
def test_a_linked_file_that_changed_is_an_integrity_error(ws: Workspace, store: Store, tmp_path: Path) -> None:
    store.put("raw/cats/a", b"before")
    link(ws, f"{store.bucket}/raw/cats", "cats", "dataset", "one")
    store.put("raw/cats/a", b"after!")
    with pytest.raises(IntegrityError, match="a"):
        download(ws, REF, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert [damage.path for damage in verify(ws, REF, deep=True).damage] == ["a"]


@pytest.mark.row("B4")
def test_a_link_to_nothing(ws: Workspace, store: Store) -> None:
    with pytest.raises(LinkSourceNotFound, match="does not exist or not a directory") as caught:
        link(ws, "no/such", "cats", "dataset", "one")
    assert isinstance(caught.value, ValueError)
    assert store.below("dataset/") == {}
    assert look.list_runs(ws) == []


@pytest.mark.row("B6")
def test_damage_is_found_and_nothing_wrong_gets_a_final_name(
    ws: Workspace, store: Store, source: Path, tmp_path: Path
) -> None:
    upload(ws, source, "cats", "dataset", "one")
    store.put("dataset/cats/one/a.txt", b"ALPHA\n")
    with pytest.raises(IntegrityError, match=r"a\.txt"):
        download(ws, REF, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert verify(ws, REF).damage == (), "sizes are right"
    assert [(one.path, one.problem) for one in verify(ws, REF, deep=True).damage] == [("a.txt", "digest")]
    store.put("dataset/cats/one/a.txt", b"longer than it was")
    assert [(one.path, one.problem) for one in verify(ws, REF).damage] == [("a.txt", "size")]


def test_rm_and_what_is_left(ws: Workspace, store: Store, source: Path, tmp_path: Path) -> None:
    upload(ws, source, "cats", "dataset", "one")
    upload(ws, trees.make(tmp_path / "two", trees.TWO_FILES), "cats", "dataset", "two")
    remove(ws, REF)
    assert store.below("dataset/cats/one/") == {}
    assert [item.alias for item in look.list_artifacts(ws)] == ["two"]
    with pytest.raises(NotFound, match="removed"):
        download(ws, ArtifactRef("dataset", "cats", "v0"), tmp_path / "out")
    download(ws, ArtifactRef("dataset", "cats", "latest"), tmp_path / "out")
    assert trees.read(tmp_path / "out", without="") == trees.TWO_FILES


def test_movable_names(ws: Workspace, source: Path, tmp_path: Path) -> None:
    upload(ws, source, "cats", "dataset", "one")
    set_aliases(ws, REF, ["prod"])
    fetched = download(ws, ArtifactRef("dataset", "cats", "prod"), tmp_path / "out")
    assert fetched.artifact.alias == "one"
    assert trees.read(tmp_path / "out", without="") == trees.VARIED


def test_another_home_finds_it_in_the_bucket_alone(store: Store, source: Path, tmp_path: Path) -> None:
    with workspace(store, tmp_path / "home") as ws:
        upload(ws, source, "cats", "dataset", "one")
    for tracker in ("embedded", "disabled"):
        with workspace(store, tmp_path / f"home-{tracker}", tracker=tracker) as other:
            download(other, REF, tmp_path / tracker)
            assert trees.read(tmp_path / tracker, without="") == trees.VARIED


@pytest.mark.row("N6")
def test_an_unfinished_upload_is_said(ws: Workspace, store: Store, tmp_path: Path) -> None:
    store.put("dataset/cats/one/.wabucket/entries.jsonl.zst", b"x")
    store.put("dataset/cats/one/a", b"x")
    with pytest.raises(UnfinishedUpload, match="unfinished"):
        download(ws, REF, tmp_path / "out")


def test_an_upload_of_an_earlier_release(ws: Workspace, store: Store, tmp_path: Path) -> None:
    store.put("dataset/cats/one/a", b"x")
    store.put("dataset/cats/one/deep/b", b"y")
    fetched = download(ws, REF, tmp_path / "out")
    assert not fetched.verified
    assert trees.read(tmp_path / "out", without="") == {"a": b"x", "deep/b": b"y"}


def test_include_exclude_and_dry_run(ws: Workspace, store: Store, source: Path, tmp_path: Path) -> None:
    preview = upload(ws, source, "cats", "dataset", "one", include=["*.txt"], dry_run=True)
    assert preview.dry_run
    assert preview.artifact.files == 2
    assert store.below("dataset/") == {}
    assert look.list_runs(ws) == []
    upload(ws, source, "cats", "dataset", "one", include=["*.txt"], exclude=["unicode/"])
    assert [name for name in store.below("dataset/cats/one/") if not name.startswith(".wabucket/")] == ["a.txt"]


def test_a_large_file_in_parts(store: Store, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(range(256)) * (20 << 12))  # 20 MiB
    with workspace(store, tmp_path / "home") as ws:
        upload(ws, tmp_path / "big", "b", "dataset", "one")
        download(ws, ArtifactRef("dataset", "b", "one"), tmp_path / "out")
    assert (tmp_path / "out/big").read_bytes() == (tmp_path / "big").read_bytes()


def test_equal_files_under_another_alias_are_copied_and_are_what_their_manifest_says(
    ws: Workspace, store: Store, source: Path, tmp_path: Path
) -> None:
    upload(ws, source, "cats", "dataset", "one")
    (source / "a.txt").write_bytes(b"changed")
    for alias in ("two", "three"):
        result = upload(ws, source, "cats", "dataset", alias)
        changed = len(b"changed") if alias == "two" else 0
        assert result.transfer.bytes_moved == changed
        assert result.transfer.bytes_reused == result.artifact.bytes - changed
    ref = ArtifactRef("dataset", "cats", "three")
    download(ws, ref, tmp_path / "out")
    assert trees.read(tmp_path / "out", without="") == trees.read(source)
    assert verify(ws, ref, deep=True).damage == ()
    etags = {info.key: info.etag for info in ws.open_storage(store.bucket).list("dataset/cats/three/")}
    header = ws.plane.find(store.bucket, ref)
    for entry in ws.plane.entries(store.bucket, ref, header):
        assert entry.type == "directory" or entry.etag == etags[f"dataset/cats/three/{entry.path}"]
