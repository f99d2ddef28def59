"""The memory of unfinished uploads: a hint that survives a kill and never hurts."""

import errno
import os
import stat
import threading
import tracemalloc
from pathlib import Path

import pytest

from wabucketref.contracts.transfer import OpenUpload, StoredFile, StoredPart
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


def upload(path: str = "big", upload_id: str = "u1") -> OpenUpload:
    return OpenUpload(path, 100, 1, 2, 3, f"t/n/a/{path}", upload_id, 10)


def part(number: int, digest: str = "d") -> StoredPart:
    return StoredPart(number, 10, f"etag-{number}", digest)


@pytest.mark.row("K1")
def test_another_process_finds_the_parts_of_an_open_upload(tmp_path: Path) -> None:
    first = memory(tmp_path)
    assert first.begin(upload())
    for number in (2, 1, 3, 2):
        first.landed(upload(), part(number))
    assert list(first.unfinished()) == [upload()]
    second = memory(tmp_path)  # the first was killed
    assert list(second.unfinished()) == [upload()]
    assert second.parts_of(upload()) == {number: part(number) for number in (1, 2, 3)}
    second.landed(upload(), part(4))
    assert sorted(memory(tmp_path).parts_of(upload())) == [1, 2, 3, 4]
    assert list(memory(tmp_path, "t/n/other").unfinished()) == []


@pytest.mark.parametrize("way", ["end", "the file is stored"])
def test_an_upload_that_is_over_leaves_nothing(tmp_path: Path, way: str) -> None:
    made = memory(tmp_path)
    for one in (upload(), upload("other", "u2")):
        made.begin(one)
        made.landed(one, part(1))
    if way == "end":
        made.end(upload())
        made.end(upload())
    else:
        made.remember(stored("big"))
    made.landed(upload(), part(2))  # a straggler
    for one in (made, memory(tmp_path)):
        assert list(one.unfinished()) == [upload("other", "u2")]
        assert one.parts_of(upload()) == {}
    made.end(upload("other", "u2"))
    made.forget()
    assert list(tmp_path.iterdir()) == []


def test_what_is_still_open_outlives_the_commit_so_that_it_can_be_given_back(tmp_path: Path) -> None:
    made = memory(tmp_path)
    made.remember(stored("a"))
    made.begin(upload())
    made.forget()
    assert list(memory(tmp_path).unfinished()) == [upload()]
    assert memory(tmp_path).recall("a") is None


@pytest.mark.row("K1", "I7")
def test_parts_cut_at_any_byte(tmp_path: Path) -> None:
    made = memory(tmp_path)
    made.begin(upload())
    made.landed(upload(), part(1))
    made.landed(upload(), part(2))
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    seen = set()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        again = memory(tmp_path)
        found = again.parts_of(upload())
        assert set(found.items()) <= {(1, part(1)), (2, part(2))}
        again.landed(upload(), part(9))
        assert set(again.parts_of(upload())) == {*found, 9}, "a torn line does not spoil the next"
        seen.add((len(list(again.unfinished())), len(found)))
    assert seen == {(0, 0), (1, 0), (1, 1), (1, 2)}
    path.write_bytes(whole[:10])
    memory(tmp_path).forget()
    assert list(tmp_path.iterdir()) == [], "what does not say whose parts it has is of no use"


@pytest.mark.parametrize(
    "line",
    [
        b'{"number":"1","size":10,"etag":null,"digest":"d"}',
        b'{"number":1,"size":null,"etag":null,"digest":"d"}',
        b'{"number":1,"size":10,"etag":5,"digest":"d"}',
        b'{"number":0,"size":10,"etag":null,"digest":"d"}',
        b'{"number":10001,"size":10,"etag":null,"digest":"d"}',
        b'{"number":1}',
        b"[" * 5000,
        b"\xff",
    ],
)
def test_parts_that_make_no_sense_are_passed_over(tmp_path: Path, line: bytes) -> None:
    made = memory(tmp_path)
    made.begin(upload())
    made.landed(upload(), part(7))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes() + b"\n" + line + b"\n")
    assert memory(tmp_path).parts_of(upload()) == {7: part(7)}


def test_the_parts_are_bounded(tmp_path: Path) -> None:
    made = memory(tmp_path)
    made.begin(upload())
    for number in range(1, 10_004):
        made.landed(upload(), part(number, "blake3:" + "0" * 64))
    assert len(memory(tmp_path).parts_of(upload())) == 10_000
    (path,) = tmp_path.iterdir()
    assert path.stat().st_size < 2 << 20


def test_a_memory_that_does_not_last_says_so(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the directory must be")
    made = memory(tmp_path / "cache")
    assert not made.begin(upload())
    made.landed(upload(), part(1))
    made.remember(stored("a"))
    assert list(made.unfinished()) == [upload()], "this process still knows what to give back"
    made.end(upload())
    made.forget()


def test_what_is_known_of_many_files_takes_little_memory(tmp_path: Path) -> None:
    made = memory(tmp_path)
    for number in range(5_000):
        made.remember(stored(f"{number:06}", f"blake3:{number:064x}"))
    made.close()
    tracemalloc.start()
    again = memory(tmp_path)
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert used / 5_000 < 200, "bytes a file; as objects they would take more than 600"
    assert again.recall("004321") == stored("004321", f"blake3:{4321:064x}")
    assert again.recall("005000") is None
    again.close()
