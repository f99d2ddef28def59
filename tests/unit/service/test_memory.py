"""The memory of unfinished uploads: a hint that survives a kill and never hurts."""

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from wabucketref.contracts.transfer import StoredFile
from wabucketref.service import memory as module
from wabucketref.service.memory import FileMemory


def stored(path: str, digest: str = "d") -> StoredFile:
    return StoredFile(path, 10, 1, 2, 3, digest, etag="e")


def memory(directory: Path, artifact: str = "t/n/a") -> FileMemory:
    return FileMemory(directory, "s3://b", artifact)


def test_another_process_recalls_what_was_remembered(tmp_path: Path) -> None:
    first = memory(tmp_path)
    first.remember(stored("a"))
    first.remember(stored("ä\n", "1"))
    first.remember(stored("ä\n", "2"))
    second = memory(tmp_path)  # the first was killed
    assert second.recall("a") == stored("a")
    assert second.recall("ä\n") == stored("ä\n", "2"), "the last one counts"
    assert second.recall("b") is None
    assert memory(tmp_path, "t/n/other").recall("a") is None
    first.close()


def test_nothing_is_made_before_there_is_something_to_remember(tmp_path: Path) -> None:
    memory(tmp_path / "new").close()
    assert not (tmp_path / "new").exists()


def test_the_file_is_private_and_goes_with_the_commit(tmp_path: Path) -> None:
    made = memory(tmp_path / "new")
    made.remember(stored("a"))
    (path,) = (tmp_path / "new").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    made.forget()
    made.forget()
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize(
    "line", [b'{"path": "b"', b"nonsense", b'{"path": 1, "x": 2}', b"[]", b'"text"', b"\xff\xfe", b"null"]
)
def test_damaged_lines_are_passed_over(tmp_path: Path, line: bytes) -> None:
    made = memory(tmp_path)
    made.remember(stored("a"))
    made.close()
    (path,) = tmp_path.iterdir()
    path.write_bytes(line + b"\n" + path.read_bytes() + line)
    assert memory(tmp_path).recall("a") == stored("a")


def test_what_follows_a_torn_line_is_not_lost(tmp_path: Path) -> None:
    made = memory(tmp_path)
    made.remember(stored("a"))
    made.close()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-3])
    after_the_crash = memory(tmp_path)
    after_the_crash.remember(stored("b"))
    after_the_crash.close()
    assert memory(tmp_path).recall("b") == stored("b")


def test_a_full_disk_does_not_fail_the_upload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    made = memory(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(module.os, "write", full)
        made.remember(stored("a"))
    made.remember(stored("b"))
    made.close()
    assert memory(tmp_path).recall("b") == stored("b")


def test_many_threads(tmp_path: Path) -> None:
    made = memory(tmp_path)

    def write(thread: int) -> None:
        for number in range(50):
            made.remember(stored(f"{thread}/{number}"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    made.close()
    again = memory(tmp_path)
    assert all(again.recall(f"{thread}/{number}") for thread in range(8) for number in range(50))
