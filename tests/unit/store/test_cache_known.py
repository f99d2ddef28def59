"""Which files count as unchanged: row S5."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from wabucketref.store.cache import known
from wabucketref.store.cache.known import DigestCache
from wabucketref.store.format.digest import digest_of
from wabucketref.store.selection import Selection
from wabucketref.store.source.scan import Rules, scan
from wabucketref.store.source.tree import Found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tree" / "file"
    path.parent.mkdir()
    path.write_bytes(b"one")
    return path


@pytest.fixture
def cache(tmp_path: Path) -> DigestCache:
    return DigestCache(tmp_path / "cache" / "digests")


def look(path: Path) -> Found:
    (found,) = scan(str(path.parent), Selection((), ()), Rules())
    return found


def hashed(cache: DigestCache, path: Path, later: float = 0.0) -> Found:
    """As an upload that begins `later` seconds from now and reads the file."""
    found = look(path)
    with cache.of(str(path.parent)) as digests:
        digests._began += int(later * 1e9)
        digests.note(found, digest_of(path.read_bytes()))
    return found


def known_of(cache: DigestCache, path: Path) -> str | None:
    with cache.of(str(path.parent)) as digests:
        return digests.get(look(path))


@pytest.mark.row("S5")
def test_an_unchanged_file_is_known(cache: DigestCache, file: Path) -> None:
    hashed(cache, file, later=2.1)
    assert known_of(cache, file) == digest_of(b"one")


@pytest.mark.row("S5")
@pytest.mark.parametrize("age", [-5.0, 0.0, 1.0, 1.9])
def test_a_file_that_was_just_changed_is_not_trusted(cache: DigestCache, file: Path, age: float) -> None:
    hashed(cache, file, later=age)
    assert known_of(cache, file) is None


@pytest.mark.row("S5")
def test_a_file_with_an_old_time_of_modification_that_was_just_put_there_is_not_trusted(
    cache: DigestCache, file: Path
) -> None:
    os.utime(file, (1e9, 1e9))
    hashed(cache, file)
    assert known_of(cache, file) is None


@pytest.mark.row("S5")
def test_times_in_the_future_are_not_trusted(cache: DigestCache, file: Path) -> None:
    os.utime(file, (4e9, 4e9))
    hashed(cache, file, later=10)
    assert known_of(cache, file) is None


def rewritten(path: Path) -> None:
    facts = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def replaced(path: Path) -> None:
    facts = path.stat()
    other = path.parent.parent / "other"
    other.write_bytes(b"two")
    os.utime(other, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    other.replace(path)


def appended(path: Path) -> None:
    with open(path, "ab") as stream:
        stream.write(b"!")


@pytest.mark.row("S5")
@pytest.mark.parametrize("change", [rewritten, replaced, appended])
def test_other_content_is_hashed_anew(cache: DigestCache, file: Path, change: Callable[[Path], None]) -> None:
    hashed(cache, file, later=3)
    change(file)
    assert known_of(cache, file) is None


@pytest.mark.row("S5")
def test_the_times_alone_do_not_matter_the_place_and_the_inode_do(cache: DigestCache, file: Path) -> None:
    found = hashed(cache, file, later=3)
    with cache.of(str(file.parent)) as digests:
        for other in (
            Found(found.path, "other", found.size, found.mtime_ns, found.ctime_ns, found.inode, found.device),
            Found(found.path, found.place, found.size, found.mtime_ns, found.ctime_ns, found.inode + 1, found.device),
            Found(found.path, found.place, found.size, found.mtime_ns, found.ctime_ns, found.inode, found.device + 1),
            Found(found.path, found.place, found.size, found.mtime_ns, found.ctime_ns + 1, found.inode, found.device),
        ):
            assert digests.get(other) is None
        assert digests.get(found)


@pytest.mark.row("S5", "F4")
def test_on_a_network_disk_files_must_have_rested_longer(
    cache: DigestCache, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "is_network", lambda path: True)
    hashed(cache, file, later=60)
    assert known_of(cache, file) is None
    hashed(cache, file, later=3700)
    assert known_of(cache, file) is not None


def test_names_of_any_bytes(cache: DigestCache, tmp_path: Path) -> None:
    found = Found("x", os.fsdecode(b"\xff"), 1, 2, 3, 4, 5)
    with cache.of(str(tmp_path)) as digests:
        digests.note(found, digest_of(b"x"))
        assert digests.get(found) == digest_of(b"x")


def test_after_a_tick_the_disk_gives_another_time(file: Path) -> None:
    file.write_bytes(b"1")
    before = file.stat().st_mtime_ns
    known.tick()
    file.write_bytes(b"2")
    assert file.stat().st_mtime_ns > before
    began = time.monotonic()
    known.tick()
    assert time.monotonic() - began < 0.5
