"""The table of digests: what is stored is found, and nothing that was damaged, torn or meant for other facts is."""

import errno
import multiprocessing
import os
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.logs import said
from wabucketref.store.cache.table import DigestTable

FACTS = bytes(40)


def digest(number: int) -> bytes:
    return number.to_bytes(32, "big")


def key(number: int) -> bytes:
    return b"/data/%d" % number


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "digests"


def stored(path: Path, count: int) -> int:
    """How many of the first `count` keys are found; none with a wrong digest."""
    table = DigestTable(path)
    found = [table.get(key(number), FACTS) for number in range(count)]
    table.close()
    assert all(value in (None, digest(number)) for number, value in enumerate(found))
    return count - found.count(None)


def fill(path: Path, count: int, **more: int) -> None:
    table = DigestTable(path, **more)
    for number in range(count):
        table.put(key(number), FACTS, digest(number))
    table.close()


def test_all_is_found_again_while_the_table_grows(path: Path) -> None:
    fill(path, 8_000)
    assert stored(path, 8_000) == 8_000
    assert path.stat().st_size < 8_000 * 1100
    assert os.listdir(path.parent) == [path.name]
    assert path.stat().st_mode & 0o777 == 0o600


def test_other_facts_find_nothing_and_take_the_place(path: Path) -> None:
    table = DigestTable(path)
    table.put(key(1), FACTS, digest(1))
    other = b"x" + FACTS[1:]
    assert table.get(key(1), other) is None
    table.put(key(1), other, digest(2))
    assert (table.get(key(1), other), table.get(key(1), FACTS)) == (digest(2), None)
    table.close()
    assert table.get(key(1), other) is None


def test_its_size_is_bounded_and_what_is_used_stays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1e9
    monkeypatch.setattr("wabucketref.store.cache.table.time.time", lambda: now)
    fill(path, 100, max_bits=4)
    size = path.stat().st_size
    assert size == (16 + 1) * 512
    now += 100_000
    table = DigestTable(path, max_bits=4)
    used = [number for number in range(50) if table.get(key(number), FACTS)]
    table.close()
    now += 100_000
    table = DigestTable(path, max_bits=4)
    for number in range(1000, 1020):
        table.put(key(number), FACTS, digest(number))
    table.close()
    assert path.stat().st_size == size
    table = DigestTable(path, max_bits=4)
    assert sum(table.get(key(number), FACTS) is not None for number in used) >= len(used) - 3
    table.close()


def test_room_is_made_at_once(path: Path) -> None:
    table = DigestTable(path)
    table.reserve(100_000)
    size = path.stat().st_size
    assert size > 100_000 * 64
    for number in range(3000):
        table.put(key(number), FACTS, digest(number))
    table.close()
    assert path.stat().st_size == size
    assert stored(path, 3000) == 3000


@pytest.mark.row("I7")
def test_a_flipped_byte_anywhere_loses_no_more_than_what_it_hits(path: Path, rng: random.Random) -> None:
    fill(path, 300, max_bits=7)
    whole = path.read_bytes()
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[rng.randrange(512, len(whole))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        assert stored(path, 300) >= 298


@pytest.mark.row("I7")
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data[:100],
        lambda data: data + b"\0",
        lambda data: b"SQLite format 3\0" + data[16:],
        lambda data: data[:22] + b"\xff" + data[23:],
        lambda data: data[:22] + b"\0" + data[23:],
        lambda data: data.replace(b"digests 1", b"digests 2", 1),
    ],
)
def test_a_file_that_is_no_table_is_thrown_away_and_it_is_said(
    path: Path, damage: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    fill(path, 10)
    path.write_bytes(damage(path.read_bytes()))
    assert stored(path, 10) == 0
    assert any("thrown away" in line for line in said(caplog))
    fill(path, 10)
    assert stored(path, 10) == 10


@pytest.mark.row("I7")
def test_a_file_deleted_in_use_is_made_anew_by_the_next(path: Path) -> None:
    table = DigestTable(path)
    table.put(key(1), FACTS, digest(1))
    path.unlink()
    table.put(key(2), FACTS, digest(2))
    assert table.get(key(1), FACTS) == digest(1)
    table.close()
    assert stored(path, 3) == 0
    fill(path, 3)
    assert stored(path, 3) == 3


def _work(path: Path, first: int) -> None:
    table = DigestTable(path)
    for number in range(first, first + 3000):
        table.put(key(number), FACTS, digest(number))
        assert table.get(key(number // 2), FACTS) in (None, digest(number // 2))
    table.close()
    os._exit(0)


def test_many_processes_write_at_once(path: Path) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_work, args=(path, 1500 * number)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    # Each growing of one forgets what others write meanwhile; what is there is right.
    assert stored(path, 7500) > 1000


def test_threads_write_while_it_grows(path: Path) -> None:
    table = DigestTable(path)

    def work(first: int) -> None:
        for number in range(first, first + 2000):
            table.put(key(number), FACTS, digest(number))
            assert table.get(key(number), FACTS) in (None, digest(number))
            if number % 500 == 0:
                table._flush()

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(work, 2000 * number) for number in range(4)]:
            future.result()
    table.close()
    assert stored(path, 8000) > 7000


def test_what_is_known_for_some_seconds_is_in_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = DigestTable(path)
    table.put(key(1), FACTS, digest(1))
    assert stored(path, 3) == 0
    monkeypatch.setattr("wabucketref.store.cache.table.time.monotonic", lambda: table._due + 1)
    table.put(key(2), FACTS, digest(2))
    assert stored(path, 3) == 2


@pytest.mark.row("I1")
@pytest.mark.parametrize("call", ["pwrite", "ftruncate", "replace"])
def test_a_full_disk_ends_the_writing_and_nothing_else(
    path: Path, call: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fill(path, 10)
    whole = path.read_bytes()

    def full(*arguments: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    table = DigestTable(path)
    monkeypatch.setattr(os, call, full)
    for number in range(10, 30_000):
        table.put(key(number), FACTS, digest(number))
    table.reserve(1_000_000)
    assert table.get(key(1), FACTS) == digest(1)
    table.close()
    monkeypatch.undo()
    assert os.listdir(path.parent) == [path.name]
    assert len(path.read_bytes()) >= len(whole)
    assert stored(path, 10) == 10
    assert not said(caplog)


@pytest.mark.row("F4")
def test_a_directory_in_its_place_or_above_is_as_no_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "directory").mkdir()
    for place in (tmp_path / "directory", tmp_path / "file" / "digests"):
        table = DigestTable(place)
        table.put(key(1), FACTS, digest(1))
        assert table.get(key(1), FACTS) is None
        table.close()
