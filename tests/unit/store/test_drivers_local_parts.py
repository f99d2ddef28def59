"""Uploads in parts on a local disk: the hidden file they are in, and who may touch it."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from wabucketref.contracts.storage import Part
from wabucketref.errors import LocalIOError, NotFound, UsageError
from wabucketref.store.drivers import local_parts
from wabucketref.store.drivers.local import LocalStorage

KEY = "model/net/one/deep/weights.bin"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "bucket"


@pytest.fixture
def store(root: Path) -> LocalStorage:
    return LocalStorage(root)


def files(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def killed(root: Path, key: str = KEY) -> tuple[str, list[Part]]:
    """What a process that was killed after two parts of 10 bytes told."""
    script = f"""
import os, signal
from wabucketref.store.drivers.local import LocalStorage
upload = LocalStorage({str(root)!r}).start_multipart({key!r}, 10, if_absent=True)
for number in (1, 2):
    upload.put_part(number, b"%d" % number * 10)
print(upload.upload_id, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    process = subprocess.run(
        [sys.executable, "-c", script], check=False, cwd=Path(__file__).parents[3], stdout=subprocess.PIPE, text=True
    )
    assert process.returncode == -9
    return process.stdout.strip(), [Part(1, 10), Part(2, 10)]


def test_what_a_killed_process_wrote_is_gone_on_with(store: LocalStorage, root: Path) -> None:
    upload_id, parts = killed(root)
    assert list(store.list("")) == []
    upload = store.resume_multipart(KEY, upload_id, 10, parts, if_absent=True)
    upload.put_part(3, b"333")
    info = upload.complete()
    assert store.read(KEY, limit=99) == (b"1" * 10 + b"2" * 10 + b"333", info)
    assert files(root) == ["weights.bin"]


def test_the_next_upload_of_the_key_removes_what_a_killed_process_left(store: LocalStorage, root: Path) -> None:
    upload_id, _ = killed(root)
    other = store.start_multipart("model/net/one/deep/other.bin", 10)
    (root / KEY).with_name(".wabucket-tmp-notes").write_text("the user's own")
    assert len(files(root)) == 3
    upload = store.start_multipart(KEY, 10)
    assert len(files(root)) == 3
    with pytest.raises(NotFound):
        store.resume_multipart(KEY, upload_id, 10, [])
    for one in (upload, other):
        one.put_part(1, b"new")
        one.complete()
    assert files(root) == [".wabucket-lock", ".wabucket-tmp-notes", "other.bin", "weights.bin"]


def test_a_writer_that_wakes_up_can_touch_neither_the_new_upload_nor_the_object(
    store: LocalStorage, root: Path
) -> None:
    sleeper = store.start_multipart(KEY, 10, if_absent=True)
    sleeper.put_part(1, b"o" * 10)
    upload = store.start_multipart(KEY, 10, if_absent=True)
    upload.put_part(1, b"n" * 10)
    for late in (lambda: sleeper.put_part(2, b"old"), sleeper.complete):
        with pytest.raises(NotFound):
            late()
    sleeper.abort()
    upload.complete()
    with pytest.raises(NotFound):
        sleeper.complete()
    assert store.read(KEY, limit=99)[0] == b"n" * 10


def test_parts_of_another_start_of_the_machine_are_not_trusted(
    store: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id, parts = killed(root)
    monkeypatch.setattr(local_parts, "_boot", lambda: "0" * 12)
    with pytest.raises(NotFound):
        store.resume_multipart(KEY, upload_id, 10, parts)
    store.abort_multipart(KEY, upload_id)
    assert files(root) == []


@pytest.mark.row("I3")
def test_after_a_failed_sync_nothing_of_what_another_process_wrote_is_trusted(
    store: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id, parts = killed(root)
    upload = store.resume_multipart(KEY, upload_id, 10, parts, if_absent=True)

    def broken(fd: int) -> None:
        raise OSError(errno.EIO, "no")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(LocalIOError):
            upload.complete()
    with pytest.raises(NotFound):
        upload.complete()
    assert files(root) == []


def test_a_file_that_lost_bytes_is_not_made_an_object(store: LocalStorage, root: Path) -> None:
    upload_id, parts = killed(root)
    (temporary,) = (path for path in root.rglob("*") if path.is_file())
    os.truncate(temporary, 19)
    with pytest.raises(NotFound):
        store.resume_multipart(KEY, upload_id, 10, parts).complete()
    assert store.head(KEY) is None


@pytest.mark.parametrize("upload_id", ["", "x", "../../../../victim", "0" * 12, f"{'0' * 12}-{'0' * 12}", "../" * 4])
def test_ids_from_a_damaged_memory_touch_nothing(store: LocalStorage, root: Path, upload_id: str) -> None:
    (root.parent / "victim").write_text("precious")
    left, _ = killed(root)
    store.abort_multipart(KEY, upload_id)
    with pytest.raises(NotFound):
        store.resume_multipart(KEY, upload_id, 10, [])
    assert (root.parent / "victim").read_text() == "precious"
    assert store.resume_multipart(KEY, left, 10, []).upload_id == left


def test_giving_up_removes_directories_that_are_empty_then(store: LocalStorage, root: Path) -> None:
    upload_id, _ = killed(root)
    store.abort_multipart(KEY, upload_id)
    assert list(root.iterdir()) == []
    store.abort_multipart(KEY, upload_id)


def test_parts_have_one_size(store: LocalStorage) -> None:
    upload = store.start_multipart("a", 10)
    for number, data in ((1, b"x" * 11), (0, b"x")):
        with pytest.raises(UsageError):
            upload.put_part(number, data)
    upload.put_part(1, b"short")
    upload.put_part(2, b"x")
    with pytest.raises(UsageError, match="smaller"):
        upload.complete()
    assert store.head("a") is None
