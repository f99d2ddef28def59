"""Whether a checkout differs from its commit, told without git and compared with what git says."""

import os
from pathlib import Path

import pytest

from tests.unit.ci.test_contexts import git
from wabucketref.ci.contexts.git import CONTEXT as GIT
from wabucketref.ci.contexts.git_index import changed


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one").write_text("one\n")
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to("a/one")
    (tmp_path / "tool").write_text("#!/bin/sh\n")
    (tmp_path / "tool").chmod(0o755)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "x")
    return tmp_path


def dirty(tree: Path) -> bool | None:
    facts = GIT.detect({}, tree)
    assert facts is not None
    said = {"true": True, "false": False, None: None}[facts.values.get("vcs.ref.head.dirty")]
    assert said == bool(git(tree, "status", "--porcelain", "-uno"))
    return said


def test_a_clean_tree_whatever_git_does_not_track(tree: Path) -> None:
    assert dirty(tree) is False
    (tree / "untracked").touch()
    os.utime(tree / "a" / "one")
    assert dirty(tree) is False


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: (tree / "a" / "one").write_text("two\n"),
        lambda tree: (tree / "empty").write_text("no more"),
        lambda tree: (tree / "a" / "one").unlink(),
        lambda tree: ((tree / "link").unlink(), (tree / "link").symlink_to("empty")),
        lambda tree: ((tree / "link").unlink(), (tree / "link").write_text("a/one")),
        lambda tree: (tree / "tool").chmod(0o644),
        lambda tree: ((tree / "a" / "one").unlink(), (tree / "a").rmdir(), (tree / "a").touch()),
    ],
    ids=["content", "filled", "gone", "link", "no link", "mode", "no directory"],
)
@pytest.mark.parametrize("staged", [False, True], ids=["left", "staged"])
def test_every_change_is_seen(tree: Path, change: object, staged: bool) -> None:
    change(tree)  # type: ignore[operator]
    if staged:
        git(tree, "add", "-A")
    assert dirty(tree) is True
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "y")
    assert dirty(tree) is False


def test_a_new_file_counts_once_it_is_staged(tree: Path) -> None:
    (tree / "new").touch()
    git(tree, "add", "new")
    assert dirty(tree) is True


@pytest.mark.row("X6")
@pytest.mark.parametrize("cut", [0, 3, 11, 12, 40, 100])
def test_a_damaged_index_says_nothing(tree: Path, cut: int) -> None:
    index = tree / ".git" / "index"
    data = index.read_bytes()
    index.write_bytes(data[:cut])
    assert changed(index, tree, 40) is None
    index.write_bytes(b"DIRC" + b"\xff" * 400)
    assert changed(index, tree, 40) is None
    index.unlink()
    assert changed(index, tree, 40) is None


@pytest.mark.row("X6")
def test_nothing_that_the_repository_configures_is_run(tree: Path) -> None:
    (tree / ".gitattributes").write_text("* filter=evil\n")
    git(tree, "config", "filter.evil.clean", f"touch {tree}/ran; cat")
    git(tree, "config", "core.fsmonitor", f"touch {tree}/ran")
    (tree / "a" / "one").write_text("six\n")
    assert changed(tree / ".git" / "index", tree, 40) is True
    assert not (tree / "ran").exists()
