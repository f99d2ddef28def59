"""What is particular to buckets on a local disk."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from wabucketref.errors import Conflict, LocalIOError, NotAuthorised, NotFound, Unsupported, UsageError
from wabucketref.store.drivers.local import FACTORY, LocalStorage
from wabucketref.store.drivers.local_errors import translate


@pytest.fixture
def store(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "bucket")


def test_the_file_lies_at_its_key(store: LocalStorage, tmp_path: Path) -> None:
    store.put("model/net/v 1/weights+%.bin", b"data", if_absent=True)
    assert (tmp_path / "bucket/model/net/v 1/weights+%.bin").read_bytes() == b"data"
    assert sorted(path.name for path in (tmp_path / "bucket").rglob("*") if path.is_file()) == ["weights+%.bin"]


def test_reads_make_nothing(store: LocalStorage, tmp_path: Path) -> None:
    assert store.head("a") is None
    assert list(store.list("")) == []
    store.delete("a")
    with pytest.raises(NotFound):
        store.read("a", limit=1)
    assert not (tmp_path / "bucket").exists()


def test_deleting_removes_directories_that_became_empty(store: LocalStorage, tmp_path: Path) -> None:
    store.put("a/b/c/d", b"", if_absent=True)
    store.put("a/x", b"", if_absent=True)
    store.delete("a/b/c/d")
    assert sorted(path.name for path in (tmp_path / "bucket/a").iterdir()) == ["x"]
    store.delete("a/x")
    assert (tmp_path / "bucket").is_dir()
    assert not (tmp_path / "bucket/a").exists()


def test_what_a_killed_writer_leaves_is_not_seen(store: LocalStorage, tmp_path: Path) -> None:
    script = f"""
import os, signal
from wabucketref.store.drivers.local import LocalStorage
def chunks():
    yield b"x" * 100
    os.kill(os.getpid(), signal.SIGKILL)
LocalStorage({str(tmp_path / "bucket")!r}).put_stream("d/file", chunks(), 200)
"""
    process = subprocess.run([sys.executable, "-c", script], check=False, cwd=Path(__file__).parents[3])
    assert process.returncode == -9
    left = list((tmp_path / "bucket/d").iterdir())
    assert len(left) == 1
    assert list(store.list("")) == []
    assert store.head("d/file") is None
    store.put("d/file", b"whole", if_absent=True)
    assert [info.key for info in store.list("")] == ["d/file"]


def test_names_of_temporary_files_are_no_keys(store: LocalStorage) -> None:
    for name in (".wabucket-tmp-" + "0" * 24, "d/.wabucket-lock"):
        with pytest.raises(UsageError):
            store.put(name, b"")
    store.put(".wabucket-tmp-notes", b"", if_absent=True)
    store.put(".wabucket/manifest.json", b"", if_absent=True)
    assert len(list(store.list(""))) == 2


def test_a_file_in_the_way_of_a_directory_and_the_reverse(store: LocalStorage) -> None:
    store.put("a", b"")
    with pytest.raises(Conflict):
        store.put("a/b", b"")
    assert store.head("a/b") is None
    store.put("d/x", b"")
    with pytest.raises(Conflict):
        store.put("d", b"")
    with pytest.raises(Conflict):
        store.put("d", b"", if_absent=True)
    assert store.head("d") is None
    store.delete("d")
    assert store.head("d/x") is not None


@pytest.mark.row("S7")
def test_too_long_names_are_a_usage_error(store: LocalStorage) -> None:
    with pytest.raises(UsageError):
        store.put("n" * 300, b"")
    with pytest.raises(UsageError):
        store.put("/".join(["n" * 100] * 50), b"")


def test_disks_without_hard_links_are_refused(store: LocalStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(source: str, target: str) -> None:
        raise OSError(errno.EPERM, "no")

    monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(Unsupported, match="hard links"):
        store.put("a", b"", if_absent=True)
    assert list(store.list("")) == []


def test_a_failed_sync_is_an_error_and_leaves_the_old_bytes(
    store: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a", b"old")

    def broken(fd: int) -> None:
        raise OSError(errno.EIO, "no")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(LocalIOError, match="Input/output error"):
        store.put("a", b"new")
    assert store.read("a", limit=9)[0] == b"old"
    assert len(list(store.list(""))) == 1


def test_links_to_files_are_read_and_linked_directories_not_entered(store: LocalStorage, tmp_path: Path) -> None:
    store.put("d/x", b"1")
    (tmp_path / "bucket/link").symlink_to(tmp_path / "bucket/d/x")
    (tmp_path / "bucket/loop").symlink_to(tmp_path / "bucket")
    (tmp_path / "bucket/dangling").symlink_to("nowhere")
    assert {info.key for info in store.list("")} == {"d/x", "link"}
    assert store.read("link", limit=9)[0] == b"1"
    assert {info.key for info in store.list("loop/d/")} == {"loop/d/x"}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (errno.ENOSPC, LocalIOError),
        (errno.EDQUOT, LocalIOError),
        (errno.EIO, LocalIOError),
        (errno.EMFILE, LocalIOError),
        (errno.ESTALE, LocalIOError),
        (errno.EACCES, NotAuthorised),
        (errno.EROFS, NotAuthorised),
        (errno.ENOENT, NotFound),
        (errno.ENAMETOOLONG, UsageError),
    ],
)
def test_kinds_of_system_errors(code: int, kind: type[Exception]) -> None:
    error = translate(OSError(code, "x"), "bucket file:///b, object 'k'", writing=True)
    assert type(error) is kind
    assert error.hint
    assert "file:///b" in error.message


@pytest.mark.row("B2")
@pytest.mark.parametrize(
    "url", ["file://", "file://host/x", "file:///a/../b", "file:///a/%2e%2e/b", "file:///a?b", "a/b"]
)
def test_malformed_urls(url: str) -> None:
    with pytest.raises(UsageError):
        FACTORY.open(url, {})


def test_urls_round_trip(tmp_path: Path) -> None:
    store = LocalStorage(tmp_path / "my w&b ä%20")
    store.put("a", b"1")
    assert FACTORY.open(store.url, {}).read("a", limit=9)[0] == b"1"
    assert FACTORY.open(str(tmp_path / "my w&b ä%20"), {}).url == store.url
