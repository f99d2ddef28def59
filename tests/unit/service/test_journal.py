"""The journal's promises: torn, damaged, full, broken, shared; never a record lost silently or made up."""

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from tests.logs import said
from wabucketref.errors import Conflict, LocalIOError, NotAuthorised, NotFound, UpgradeRequired
from wabucketref.service import frames
from wabucketref.service import journal as module
from wabucketref.service.journal import Journal
from wabucketref.service.journal_file import JournalInUse
from wabucketref.service.wabucket_pb2 import OutputRecord, Record


def record(text: str) -> Record:
    return Record(output=OutputRecord(text=text))


def texts(journal: Journal) -> list[str]:
    return [found.output.text for _, found in journal.scan()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal" / "run1.journal"


@pytest.fixture
def written(path: Path) -> list[int]:
    """A closed journal of three records; the positions after magic and after each."""
    journal = Journal.create(path)
    ends = [journal.end, *(journal.append(record(text)) for text in ("one", "two" * 20, "three"))]
    journal.close()
    return ends


def reopened(path: Path) -> tuple[list[str], int]:
    journal = Journal.open(path)
    try:
        return texts(journal), journal.end
    finally:
        journal.close()


def test_what_is_appended_is_read_back_in_order(path: Path) -> None:
    journal = Journal.create(path)
    try:
        positions = [journal.append(record(str(number))) for number in range(3000)]
        assert texts(journal) == [str(number) for number in range(3000)]
        starts = [len(frames.MAGIC), *positions[:-1]]
        for start, end in list(zip(starts, positions, strict=True))[::97]:
            assert journal.read(start)[0][0] == end
        assert journal.read(journal.end) == []
    finally:
        journal.close()


def test_files_are_private(path: Path) -> None:
    before = os.umask(0)
    try:
        Journal.create(path).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.row("I6")
def test_torn_at_every_byte_of_the_last_write(path: Path, written: list[int], caplog: pytest.LogCaptureFixture) -> None:
    whole = path.read_bytes()
    for cut in range(written[-2], written[-1]):
        path.write_bytes(whole[:cut])
        assert reopened(path) == (["one", "two" * 20], written[-2]), f"cut at {cut}"
        assert path.stat().st_size == written[-2]
    assert not said(caplog), "a torn end is what a kill leaves, not damage"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.row("I6")
def test_truncated_at_every_byte(path: Path, written: list[int]) -> None:
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        found, end = reopened(path)
        assert found == ["one", "two" * 20, "three"][: sum(position <= cut for position in written[1:])], f"at {cut}"
        assert end >= len(frames.MAGIC)
        assert path.read_bytes()[:end] == whole[:end]


@pytest.mark.row("I6")
def test_a_flip_at_every_byte_is_said_and_the_damaged_part_kept(
    path: Path, written: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    whole = path.read_bytes()
    version = range(6, len(frames.MAGIC))
    for at in set(range(len(whole))) - set(version):
        damaged = bytearray(whole)
        damaged[at] ^= 0x40
        path.write_bytes(damaged)
        caplog.clear()
        found, end = reopened(path)
        good = max((position for position in written if position <= at), default=0)
        assert found == ["one", "two" * 20, "three"][: sum(position <= at for position in written[1:])], f"at {at}"
        aside = path.with_name(f"{path.name}.damaged-{good}")
        assert aside.read_bytes() == bytes(damaged[good:])
        assert "damaged" in caplog.text
        assert end == max(good, len(frames.MAGIC))
        aside.unlink()


def test_a_newer_format_is_refused_and_left_alone(path: Path, written: list[int]) -> None:
    data = frames.MAGIC[:6] + b"9\n" + path.read_bytes()[8:]
    path.write_bytes(data)
    with pytest.raises(UpgradeRequired):
        Journal.open(path)
    assert path.read_bytes() == data


@pytest.mark.row("I6")
def test_a_zeroed_file_opens_empty_and_is_kept_aside(
    path: Path, written: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    path.write_bytes(b"\0" * 300)
    assert reopened(path) == ([], len(frames.MAGIC))
    assert path.with_name(f"{path.name}.damaged-0").stat().st_size == 300
    assert "damaged" in caplog.text


def test_after_recovery_new_records_follow_the_good_ones(path: Path, written: list[int]) -> None:
    with open(path, "r+b") as file:
        file.truncate(written[-1] - 1)
    journal = Journal.open(path)
    journal.append(record("four"))
    journal.close()
    assert reopened(path)[0] == ["one", "two" * 20, "four"]


@pytest.mark.parametrize("left", [0, 3], ids=["empty", "half a magic"])
def test_a_journal_killed_at_its_birth_can_be_written_to(
    path: Path, left: int, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    path.write_bytes(frames.MAGIC[:left])
    journal = Journal.open(path)
    journal.append(record("one"))
    journal.close()
    assert reopened(path)[0] == ["one"]
    assert not said(caplog)


def test_a_second_journal_of_a_name_is_a_conflict(path: Path, written: list[int]) -> None:
    with pytest.raises(Conflict, match="run1") as caught:
        Journal.create(path)
    assert "wabucket sync" in (caught.value.hint or "")


def test_a_journal_that_is_gone(path: Path) -> None:
    with pytest.raises(NotFound):
        Journal.open(path)


def test_a_directory_that_may_not_be_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(module.os, "open", refused)
    with pytest.raises(NotAuthorised, match="run1") as caught:
        Journal.create(path)
    assert "WABUCKET_HOME" in (caught.value.hint or "")


# ---- one owner ------------------------------------------------------------------------------------------------------


def test_no_second_owner_while_the_first_lives(path: Path) -> None:
    journal = Journal.create(path)
    with pytest.raises(JournalInUse):
        Journal.open(path)
    journal.close()
    Journal.open(path).close()


def test_the_lock_is_given_up_on_close_although_a_child_holds_the_descriptor(path: Path) -> None:
    journal = Journal.create(path)
    held = os.dup(journal._descriptor)  # as a forked child does
    try:
        journal.close()
        Journal.open(path).close()
    finally:
        os.close(held)


def test_a_journal_removed_by_its_owner_is_gone_for_who_waited(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal.create(path)
    lock = module.fcntl.flock

    def owner_finishes_first(descriptor: int, how: int) -> None:
        if journal._descriptor >= 0 and descriptor != journal._descriptor:
            journal.remove()
        lock(descriptor, how)

    monkeypatch.setattr(module.fcntl, "flock", owner_finishes_first)
    with pytest.raises(NotFound):
        Journal.open(path)


def test_who_looks_between_creation_and_lock_harms_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process may open (and by that repair) or even remove the file before its maker has locked it."""
    lock = module.fcntl.flock
    meddling = [lambda: Journal.open(path).close(), lambda: Journal.open(path).remove()]

    def meddled(descriptor: int, how: int) -> None:
        if meddling and how == module.fcntl.LOCK_EX:
            meddle = meddling.pop()
            meddle()
        lock(descriptor, how)

    monkeypatch.setattr(module.fcntl, "flock", meddled)
    journal = Journal.create(path)
    journal.append(record("one"))
    journal.close()
    assert not meddling
    assert reopened(path) == (["one"], path.stat().st_size)


# ---- a disk that fails ----------------------------------------------------------------------------------------------


class Disk:
    """Stands in for ``os.write`` of journals: takes `room` bytes, then says it is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.room = room
        self._write = os.write
        monkeypatch.setattr(module.os, "write", self.write)

    def write(self, descriptor: int, data: bytes) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self._write(descriptor, data[: self.room])
        self.room -= written
        return written


def test_full_at_every_byte_leaves_the_journal_as_before(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal.create(path)
    journal.append(record("one"))
    size = len(frames.encode(record("two").SerializeToString()))
    disk = Disk(monkeypatch, 0)
    for room in range(size):
        disk.room = room
        before = path.read_bytes()
        with pytest.raises(LocalIOError, match="No space left") as caught:
            journal.append(record("two"))
        assert caught.value.exit_code == 5
        assert path.read_bytes() == before
    disk.room = 10_000
    journal.append(record("three"))
    assert texts(journal) == ["one", "three"]
    journal.close()
    assert reopened(path)[0] == ["one", "three"]


def test_a_torn_write_that_cannot_be_undone_ends_the_journal(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal.create(path)
    journal.append(record("one"))

    def broken(descriptor: int, length: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    disk = Disk(monkeypatch, 5)
    with monkeypatch.context() as patch:
        patch.setattr(module.os, "ftruncate", broken)
        with pytest.raises(LocalIOError):
            journal.append(record("two"))
    disk.room = 10_000
    with pytest.raises(LocalIOError):
        journal.append(record("three"))  # behind a torn frame it would never be read
    journal.close()
    assert reopened(path)[0] == ["one"]


@pytest.mark.row("I3")
def test_after_a_failed_sync_all_is_written_anew(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal.create(path)
    journal.append(record("one"))
    inode, sync, failures = path.stat().st_ino, os.fdatasync, [errno.EIO]

    def fails_once(descriptor: int) -> None:
        if failures:
            raise OSError(failures.pop(), "Input/output error")
        sync(descriptor)

    monkeypatch.setattr(module.os, "fdatasync", fails_once)
    journal.flush()
    assert "written anew" in caplog.text
    assert path.stat().st_ino != inode, "what the disk dropped cannot be synced by asking again"
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    with pytest.raises(JournalInUse):
        Journal.open(path)
    journal.append(record("two"))
    journal.flush()
    assert texts(journal) == ["one", "two"]
    journal.close()
    assert reopened(path)[0] == ["one", "two"]


@pytest.mark.row("I3")
def test_what_reads_back_damaged_after_a_failed_sync_is_not_written_anew(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal.create(path)
    journal.append(record("one"))
    good = journal.end
    journal.append(record("two"))

    def fails(descriptor: int) -> None:
        with open(path, "r+b") as file:  # the kernel dropped what it could not write
            file.seek(good + 13)
            file.write(b"\xff")
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "fdatasync", fails)
        with pytest.raises(LocalIOError, match="damaged"):
            journal.flush()
    with pytest.raises(LocalIOError):
        journal.append(record("three"))
    journal.close()
    assert reopened(path)[0] == ["one"]


@pytest.mark.row("I3")
def test_after_a_failed_sync_nothing_more_is_trusted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal.create(path)
    journal.append(record("one"))

    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "fdatasync", broken)
        with pytest.raises(LocalIOError):
            journal.flush()
    with pytest.raises(LocalIOError):
        journal.flush()
    with pytest.raises(LocalIOError):
        journal.append(record("two"))
    journal.close()


def test_a_closed_journal_refuses_with_a_typed_error(path: Path) -> None:
    journal = Journal.create(path)
    journal.append(record("one"))
    journal.close()
    journal.close()
    with pytest.raises(LocalIOError, match="closed"):
        journal.append(record("two"))
    with pytest.raises(LocalIOError, match="closed"):
        journal.flush()
    with pytest.raises(LocalIOError, match="closed"):
        texts(journal)


# ---- group commit ---------------------------------------------------------------------------------------------------


def test_one_sync_serves_all_who_wait(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal.create(path)
    synced = 0
    first, release = threading.Event(), threading.Event()

    def slow(descriptor: int) -> None:
        nonlocal synced
        synced += 1
        first.set()
        assert release.wait(10)

    monkeypatch.setattr(module.os, "fdatasync", slow)
    journal.append(record("first"))
    threads = [threading.Thread(target=journal.flush)]
    threads[0].start()
    assert first.wait(10)
    for number in range(8):
        position = journal.append(record(str(number)))
        threads.append(threading.Thread(target=journal.flush, args=(position,)))
        threads[-1].start()
    release.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert synced == 2, "one under way, one for all who came meanwhile"
    journal.close()


def test_what_is_synced_is_not_synced_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal.create(path)
    position = journal.append(record("one"))
    journal.flush()
    monkeypatch.setattr(module.os, "fdatasync", lambda descriptor: pytest.fail("synced again"))
    journal.flush(position)
    journal.close()


def test_normal_sync_never_waits_for_the_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.os, "fdatasync", lambda descriptor: pytest.fail("synced"))
    journal = Journal.create(path, "normal")
    journal.append(record("one"))
    journal.flush()
    journal.close()
    assert path.exists()


# ---- in memory ------------------------------------------------------------------------------------------------------


def test_in_memory_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    journal = Journal.in_memory("run1")
    journal.append(record("one"))
    journal.flush()
    assert texts(journal) == ["one"]
    journal.remove()
    assert list(tmp_path.iterdir()) == []


def test_in_memory_where_the_system_has_no_memory_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(module.os, "memfd_create", raising=False)
    journal = Journal.in_memory("run1")
    journal.append(record("one"))
    assert texts(journal) == ["one"]
    journal.close()


def test_many_writers_lose_and_mix_nothing(path: Path) -> None:
    journal = Journal.create(path, "normal")
    names = [f"{writer}-{number}" for writer in range(8) for number in range(100)]

    def write(writer: int) -> None:
        for name in names[writer * 100 : writer * 100 + 100]:
            journal.append(record(name))

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    found = texts(journal)
    assert sorted(found) == sorted(names)
    for writer in range(8):
        assert [text for text in found if text.startswith(f"{writer}-")] == names[writer * 100 : writer * 100 + 100]
    journal.close()
