"""The id of a home: made once, whole or not at all; not needed where nothing is recorded."""

import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from wabucketref.errors import LocalIOError, NotAuthorised, SettingsError
from wabucketref.settings.home import home_id


def named(home: Path, *, keep: bool = True) -> str:
    return home_id(home, "environment WABUCKET_HOME", keep=keep)


def test_it_is_made_once_in_a_home_that_is_made_too(tmp_path: Path) -> None:
    home = tmp_path / "a" / "home"
    found = named(home)
    assert (len(found), named(home), named(home, keep=False)) == (32, found, found)
    assert [path.name for path in home.iterdir()] == ["id"]


@pytest.mark.parametrize("content", [b"", b"\n", b"abc", b"\xff" * 32, b"0" * 4096])
def test_a_file_without_an_id_is_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "id").write_bytes(content)
    assert len(named(tmp_path, keep=False)) == 32
    assert (tmp_path / "id").read_bytes() == content
    found = named(tmp_path)
    assert (tmp_path / "id").read_text() == found == named(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["id"]


def test_where_nothing_is_kept_nothing_fails_or_is_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    (tmp_path / "odd" / "id").mkdir(parents=True)
    for home in (file, tmp_path / "missing", tmp_path / "odd", tmp_path / ("x" * 300)):
        assert len(named(home, keep=False)) == 32
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "odd"]


def test_a_home_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="is not a directory"):
        named(tmp_path / "file")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (errno.EACCES, NotAuthorised),
        (errno.EROFS, NotAuthorised),
        (errno.ENOSPC, LocalIOError),
        (errno.EIO, LocalIOError),
    ],
)
def test_failures_have_their_kinds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, kind: type[Exception]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(kind, match="WABUCKET_HOME"):
        named(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_hard_links_works_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.EPERM, "not permitted")

    monkeypatch.setattr(os, "link", fail)
    assert named(tmp_path) == named(tmp_path)


def test_many_at_once_agree(tmp_path: Path) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(named(tmp_path))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(found), len(set(found))) == (16, 1)
