"""Directories that several downloads share, that others read meanwhile, and that lie on disks of their own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults import invariants, trees
from tests.faults.disk import disk
from tests.faults.procs import World

READERS = 2
DOWNLOADS = 8
OLD = {"a.txt": b"old" * 20_000, "deep/b.bin": b"old" * 1000}
NEW = {"a.txt": b"new" * 30_000, "deep/b.bin": b"new" * 1000}


@pytest.fixture
def versions(world: World) -> World:
    """Two uploads, the old one downloaded to ``out``."""
    for alias, files in (("old", OLD), ("new", NEW)):
        trees.make(world.directory / alias, files)
        world.ok("upload", alias, "-n", "cats", "-t", "dataset", "-a", alias)
    world.ok("download", "dataset/cats:old", "-d", "out")
    return world


@contextmanager
def reading(directory: Path) -> Iterator[list[str]]:
    """Threads that read the files all the time; what they found that is neither old nor new."""
    torn: list[str] = []
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            for name in OLD:
                if (directory / name).read_bytes() not in (OLD[name], NEW[name]):
                    torn.append(name)

    readers = [threading.Thread(target=read) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    try:
        yield torn
    finally:
        over.set()
        for reader in readers:
            reader.join()


@pytest.mark.row("D5")
def test_downloads_at_once_and_readers_meanwhile(versions: World) -> None:
    out = versions.directory / "out"
    with reading(out) as torn:
        for alias, files in (("new", NEW), ("old", OLD)):
            command = ("download", f"dataset/cats:{alias}", "-d", "out")
            for child in [versions.start(*command) for _ in range(DOWNLOADS)]:
                ended = child.wait()
                assert ended.code == 0, ended
            assert trees.read(out, without="") == files
    assert torn == []
    assert [path.name for path in versions.directory.iterdir() if "out" in path.name] == ["out"]
    assert len(invariants.ended_runs(versions)) == 3 + 2 * DOWNLOADS


@pytest.mark.row("D5")
def test_downloads_of_two_uploads_at_once_leave_whole_files(versions: World) -> None:
    out = versions.directory / "out"
    with reading(out) as torn:
        for child in [versions.start("download", f"dataset/cats:{alias}", "-d", "out") for alias in ("old", "new") * 3]:
            ended = child.wait()
            assert ended.code == 0, ended
    assert torn == []


@pytest.mark.row("D1")
@pytest.mark.needs("mounts")
@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_destination_on_a_disk_of_its_own(versions: World, mounts: None, below: str) -> None:
    with disk(versions.directory / "mounted") as mounted:
        out = mounted.path / below
        for alias, files in (("old", OLD), ("new", NEW)):
            versions.ok("download", f"dataset/cats:{alias}", "-d", str(out))
            assert trees.read(out, without="") == files
        assert [path.name for path in mounted.path.iterdir()] == ([below] if below else ["a.txt", "deep"])
    assert list((versions.directory / "mounted").iterdir()) == [], "something was written beside the mount"


@pytest.mark.row("D1")
@pytest.mark.needs("mounts")
def test_a_destination_that_holds_a_mount(versions: World, mounts: None) -> None:
    (versions.directory / "out/deep/b.bin").unlink()
    with disk(versions.directory / "out/deep") as mounted:
        versions.ok("download", "dataset/cats:new", "-d", "out")
        assert trees.read(versions.directory / "out", without="") == NEW
        assert [path.name for path in mounted.path.iterdir()] == ["b.bin"]


@pytest.mark.row("D1", "I1")
@pytest.mark.needs("mounts")
def test_a_destination_that_is_too_small(versions: World, mounts: None) -> None:
    with disk(versions.directory / "mounted", size=64 << 10) as mounted:
        ended = versions.run("download", "dataset/cats:new", "-d", "mounted/out")
        assert (ended.code, ended.out) == (5, ""), ended
        assert not (mounted.path / "out").exists()
        mounted.resize(size=4 << 20)
        versions.ok("download", "dataset/cats:new", "-d", "mounted/out")
        assert trees.read(mounted.path / "out", without="") == NEW


@pytest.mark.row("D5", "K1")
@pytest.mark.parametrize("end", ["rm", "replaced"])
def test_what_a_killed_download_left_goes_when_its_upload_is_gone(versions: World, end: str) -> None:
    command = ("download", "dataset/cats:new", "-d", "into")
    assert versions.run(*command, points="download.file_verified=kill").code == -9
    assert len(list(versions.directory.glob(".into.wabucket-*"))) == 1
    if end == "rm":
        versions.ok("rm", "dataset/cats:new")
        assert versions.run(*command).code == 3
    else:
        trees.make(versions.directory / "other", {"a.txt": b"other"})
        versions.ok("upload", "other", "-n", "cats", "-t", "dataset", "-a", "new", "--overwrite")
        versions.ok(*command)
    assert list(versions.directory.glob(".into*")) == []
