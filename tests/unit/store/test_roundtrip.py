"""Upload and download through the data plane, on stores of both kinds."""

from pathlib import Path

import pytest

from tests.unit.store.support import (
    REF,
    Memory,
    bucket,
    download_plan,
    fetch,
    keys,
    make_tree,
    plane,
    read_tree,
    send,
    unconditional,
    upload_plan,
)
from wabucketref.contracts.progress import SilentProgress
from wabucketref.contracts.storage import Storage
from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import AliasTaken, IntegrityError, NotFound, UnfinishedUpload, UsageError
from wabucketref.model.manifest import Header
from wabucketref.store.drivers.local import LocalStorage

FILES = {
    "a.txt": b"hello",
    "empty": b"",
    "deep/er/b c.bin": b"x" * 10_000,
    "deep/ünï 漢.txt": b"u",
    "back\\slash": b"s",
    "void/inner": None,
}


@pytest.fixture(params=["conditional", "unconditional", "local"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "local":
        return LocalStorage(tmp_path / "bucket")
    return bucket() if request.param == "conditional" else unconditional(bucket())


def test_a_tree_comes_back_as_it_was(storage: Storage, tmp_path: Path) -> None:
    source = make_tree(tmp_path / "src", FILES)
    done = send(storage, upload_plan(source, metadata={"k": 1}))
    assert (done.artifact.files, done.artifact.bytes, done.already_there) == (5, 10_007, False)
    assert done.figures.bytes_moved == 10_007
    assert keys(storage) == sorted(
        [f"model/net/one/{path}" for path, data in FILES.items() if data is not None]
        + ["model/net/one/.wabucket/entries.jsonl.zst", "model/net/one/.wabucket/manifest.json"]
    )
    fetched = fetch(storage, download_plan(tmp_path / "out"))
    assert read_tree(tmp_path / "out") == FILES
    assert (fetched.files, fetched.verified, fetched.metadata) == (5, True, {"k": 1})
    assert fetched.figures.bytes_moved == 10_007
    assert sorted(entry.name for entry in tmp_path.iterdir() if entry.name != "bucket") == ["out", "src"]


def test_a_single_file_and_an_empty_directory(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "one.bin").write_bytes(b"1")
    send(storage, upload_plan(tmp_path / "one.bin"))
    fetch(storage, download_plan(tmp_path / "out"))
    assert read_tree(tmp_path / "out") == {"one.bin": b"1"}


@pytest.mark.row("S9")
def test_an_empty_directory_alone_is_an_artifact(storage: Storage, tmp_path: Path) -> None:
    done = send(storage, upload_plan(make_tree(tmp_path / "src", {"hollow": None})))
    assert done.artifact.files == 0
    fetch(storage, download_plan(tmp_path / "out"))
    assert read_tree(tmp_path / "out") == {"hollow": None}


def test_equal_content_again_sends_nothing_and_other_content_is_refused(storage: Storage, tmp_path: Path) -> None:
    source = make_tree(tmp_path / "src", FILES)
    first = send(storage, upload_plan(source))
    again = send(storage, upload_plan(source, "x2"))
    assert again.already_there
    assert (again.figures.bytes_moved, again.artifact.digest) == (0, first.artifact.digest)
    (source / "a.txt").write_bytes(b"HELLO")
    with pytest.raises(AliasTaken, match="holds another upload") as caught:
        send(storage, upload_plan(source, "x3"))
    assert caught.value.exit_code == 6


def test_overwrite_replaces_files_and_removes_what_the_new_upload_does_not_have(
    storage: Storage, tmp_path: Path
) -> None:
    send(storage, upload_plan(make_tree(tmp_path / "old", FILES)))
    new = make_tree(tmp_path / "new", {"a.txt": b"new", "deep/er/b c.bin": b"y" * 9000, "more": b"m"})
    done = send(storage, upload_plan(new, "x2", overwrite=True))
    assert not done.already_there
    fetch(storage, download_plan(tmp_path / "out"))
    assert read_tree(tmp_path / "out") == read_tree(new)
    assert "model/net/one/empty" not in keys(storage)
    assert send(storage, upload_plan(new, "x3", overwrite=True)).already_there


def test_a_replay_of_the_same_operation_knows_its_own_commit(storage: Storage, tmp_path: Path) -> None:
    source = make_tree(tmp_path / "src", FILES)
    send(storage, upload_plan(source, "mine"))
    done = plane(storage).was_committed_by("memory://b", REF, "mine")
    assert done is not None
    assert done.artifact.files == 5
    assert plane(storage).was_committed_by("memory://b", REF, "other") is None
    (source / "a.txt").write_bytes(b"changed after the commit")
    assert send(storage, upload_plan(source, "mine")).already_there


@pytest.mark.row("N6")
def test_the_three_kinds_of_nothing_differ(storage: Storage, tmp_path: Path) -> None:
    face = plane(storage)
    with pytest.raises(NotFound) as nothing:
        face.find("memory://b", REF)
    assert not isinstance(nothing.value, UnfinishedUpload)
    storage.put("model/net/one/old.bin", b"old")
    assert face.find("memory://b", REF) is None
    storage.put("model/net/one/.wabucket/entries.jsonl.zst", b"")
    with pytest.raises(UnfinishedUpload, match="unfinished"):
        face.find("memory://b", REF)


def test_an_old_upload_without_manifest_downloads_unverified_and_is_not_replaced(
    storage: Storage, tmp_path: Path
) -> None:
    storage.put("model/net/one/old.bin", b"old")
    storage.put("model/net/one/sub/large.bin", b"l" * 9000)
    fetched = fetch(storage, download_plan(tmp_path / "out"))
    assert read_tree(tmp_path / "out") == {"old.bin": b"old", "sub/large.bin": b"l" * 9000}
    assert (fetched.digest, fetched.verified) == (None, False)
    source = make_tree(tmp_path / "src", {"a": b"a"})
    with pytest.raises(AliasTaken, match="earlier release"):
        send(storage, upload_plan(source))
    send(storage, upload_plan(source, overwrite=True))
    fetch(storage, download_plan(tmp_path / "new"))
    assert read_tree(tmp_path / "new") == {"a": b"a"}


def test_patterns_choose_on_both_sides(storage: Storage, tmp_path: Path) -> None:
    source = make_tree(tmp_path / "src", {"a.py": b"", "b.txt": b"b", "d/c.txt": b"c", "d/x.log": b"x", "e": None})
    send(storage, upload_plan(source, include=("*.txt", "*.log"), exclude=("*.log",)))
    fetch(storage, download_plan(tmp_path / "out", include=("d/",)))
    assert read_tree(tmp_path / "out") == {"d/c.txt": b"c"}
    with pytest.raises(UsageError, match="nothing matched"):
        fetch(storage, download_plan(tmp_path / "out2", include=("*.nope",)))
    with pytest.raises(UsageError, match="nothing matched"):
        send(storage, upload_plan(source, include=("*.nope",)))


def test_previews_move_nothing(storage: Storage, tmp_path: Path) -> None:
    source = make_tree(tmp_path / "src", FILES)
    before = plane(storage).preview_upload(upload_plan(source))
    assert keys(storage) == []
    assert (before.files, before.bytes) == (5, 10_007)
    assert "void/inner/" in before.paths
    send(storage, upload_plan(source))
    after = plane(storage).preview_download(download_plan(tmp_path / "out"))
    assert (after.files, after.bytes, after.paths) == (before.files, before.bytes, before.paths)
    assert not (tmp_path / "out").exists()


@pytest.mark.row("B6")
def test_verify_sees_damage_of_each_kind(storage: Storage, tmp_path: Path) -> None:
    send(storage, upload_plan(make_tree(tmp_path / "src", FILES)))
    face = plane(storage)

    def damage(deep: bool) -> list[tuple[str, str]]:
        seen = face.verify("memory://b", REF, deep=deep, progress=SilentProgress(), cancel=Cancel())
        return [(one.path, one.problem) for one in seen.damage]

    assert damage(True) == []
    storage.put("model/net/one/a.txt", b"HELLO")
    storage.put("model/net/one/deep/ünï 漢.txt", b"longer")
    storage.delete("model/net/one/empty")
    storage.put("model/net/one/foreign", b"f")
    assert damage(False) == [("deep/ünï 漢.txt", "size"), ("empty", "missing")]
    assert damage(True) == [("a.txt", "digest"), ("deep/ünï 漢.txt", "size"), ("empty", "missing")]
    seen = face.verify("memory://b", REF, deep=False, progress=SilentProgress(), cancel=Cancel())
    assert seen.extra == ("foreign",)
    with pytest.raises(IntegrityError, match="replaced behind the tracker's back"):
        face.verify("memory://b", REF, deep=False, progress=SilentProgress(), cancel=Cancel(), expected="blake3:0")


def test_remove_leaves_nothing(storage: Storage, tmp_path: Path) -> None:
    send(storage, upload_plan(make_tree(tmp_path / "src", FILES)))
    storage.put("model/net/other/x", b"")
    plane(storage).remove("memory://b", REF)
    assert keys(storage) == ["model/net/other/x"]
    with pytest.raises(NotFound):
        plane(storage).remove("memory://b", REF)


def test_entries_are_what_was_sent(storage: Storage, tmp_path: Path) -> None:
    send(storage, upload_plan(make_tree(tmp_path / "src", FILES)), Memory())
    face = plane(storage)
    header = face.find("memory://b", REF)
    assert isinstance(header, Header)
    entries = list(face.entries("memory://b", REF, header))
    assert [entry.path for entry in entries] == sorted(FILES)
    assert {entry.path: entry.size for entry in entries if entry.type == "file"} == {
        path: len(data) for path, data in FILES.items() if data is not None
    }
