"""Uploads with the digests of earlier ones: what is unchanged is not read again, and what changed is never missed."""

import os
from pathlib import Path

import pytest

from tests.unit.store.support import REF, Memory, bucket, make_tree, plane, send, upload_plan
from wabucketref import failpoints
from wabucketref.contracts.progress import SilentProgress
from wabucketref.contracts.transfer import Cancel, NoMemory
from wabucketref.errors import AliasTaken, Interrupted
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.cache.known import DigestCache
from wabucketref.store.drivers.memory import MemoryStorage
from wabucketref.store.source.read import OpenFile

FILES = {"a": b"a" * 3000, "b/c": b"small", "empty": b""}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DigestCache:
    """One for which all files have rested long enough."""
    monkeypatch.setattr("wabucketref.store.cache.known._QUIET_SECONDS", -60.0)
    return DigestCache(tmp_path / "home" / "digests")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of what is read of sources."""
    sizes: list[int] = []
    inner, inner_into = OpenFile.read, OpenFile.read_into

    def spy(self: OpenFile, start: int, size: int) -> bytes:
        sizes.append(size)
        return inner(self, start, size)

    def spy_into(self: OpenFile, start: int, view: memoryview) -> None:
        sizes.append(len(view))
        inner_into(self, start, view)

    monkeypatch.setattr(OpenFile, "read", spy)
    monkeypatch.setattr(OpenFile, "read_into", spy_into)
    return sizes


def test_equal_content_is_recognised_without_reading(tmp_path: Path, cache: DigestCache, read: list[int]) -> None:
    storage, source = bucket(), make_tree(tmp_path / "src", FILES)
    send(storage, upload_plan(source), digests=cache)
    assert sum(read) == 3005
    read.clear()
    done = send(storage, upload_plan(source, "x2"), digests=cache)
    assert (done.already_there, done.figures.bytes_moved, done.figures.bytes_reused) == (True, 0, 3005)
    assert not read


@pytest.mark.row("S5")
def test_a_change_that_keeps_size_and_time_is_seen(tmp_path: Path, cache: DigestCache, read: list[int]) -> None:
    storage, source = bucket(), make_tree(tmp_path / "src", FILES)
    send(storage, upload_plan(source), digests=cache)
    facts = (source / "a").stat()
    (source / "a").write_bytes(b"b" * 3000)
    os.utime(source / "a", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    read.clear()
    with pytest.raises(AliasTaken):
        send(storage, upload_plan(source, "x2"), digests=cache)
    assert sum(read) == 3000


def test_a_try_that_goes_on_does_not_read_again_what_it_stored(
    tmp_path: Path, cache: DigestCache, read: list[int]
) -> None:
    storage, source, memory = MemoryStorage("goes-on"), make_tree(tmp_path / "src", FILES), Memory()
    cancel = Cancel()

    def stop(name: str) -> None:
        if name == "upload.files_stored":
            cancel.set(Interrupted("stop"))

    failpoints.install(stop)
    with pytest.raises(Interrupted):
        plane(storage, digests=cache).upload(
            upload_plan(source), progress=SilentProgress(), cancel=cancel, memory=memory
        )
    failpoints.install(None)
    read.clear()
    done = send(storage, upload_plan(source), memory, digests=cache)
    assert (done.figures.files_moved, done.figures.files_reused) == (0, 3)
    assert not read


def test_without_a_place_nothing_is_remembered(tmp_path: Path, read: list[int]) -> None:
    storage, source = bucket(), make_tree(tmp_path / "src", FILES)
    for number in (1, 2):
        read.clear()
        send(storage, upload_plan(source, f"x{number}"), NoMemory(), digests=DigestCache(None))
        assert sum(read) == 3005


def test_the_same_tree_is_known_to_other_artifacts(tmp_path: Path, cache: DigestCache, read: list[int]) -> None:
    storage, source = bucket(), make_tree(tmp_path / "src", FILES)
    send(storage, upload_plan(source), digests=cache)
    send(storage, upload_plan(source, "x2", ArtifactRef("model", "other", "one")), digests=cache)
    read.clear()
    assert send(storage, upload_plan(source, "x3", REF), digests=cache).already_there
    assert not read
