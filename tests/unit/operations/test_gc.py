"""``gc``: which versions are too many, and what becomes of those that somebody needs."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import trees
from tests.unit.operations.conftest import Open
from wabucketref import failpoints
from wabucketref.errors import LocalIOError, NotFound, Unsupported
from wabucketref.model.garbage import GcResult
from wabucketref.model.reference import ArtifactRef
from wabucketref.operations.aliases import set_aliases
from wabucketref.operations.download import download
from wabucketref.operations.gc import gc
from wabucketref.operations.link import link
from wabucketref.operations.look import lineage, list_artifacts
from wabucketref.operations.resolve import resolve
from wabucketref.operations.upload import upload
from wabucketref.operations.verify_all import verify_all
from wabucketref.operations.workspace import Workspace


def ref(alias: str) -> ArtifactRef:
    return ArtifactRef("dataset", "cats", alias)


@pytest.fixture
def four(ws: Workspace, tmp_path: Path) -> Workspace:
    """Four versions: a0 is v0 …"""
    for number in range(4):
        upload(ws, trees.make(tmp_path / f"src{number}", {"a": bytes([number])}), "cats", "dataset", f"a{number}")
    return ws


def versions(result: GcResult, state: str) -> list[str]:
    return [one.what for one in result.items if one.kind == "version" and one.state == state]


def left(ws: Workspace) -> list[str]:
    return [one.alias for one in list_artifacts(ws)]


def at(point: str, act: Callable[[], object]) -> Callable[[str], None]:
    done: list[str] = []

    def hit(name: str) -> None:
        if name == point and not done:
            done.append(name)
            act()

    return hit


def running(ws: Workspace, act: Callable[[], object], **more: int) -> GcResult:
    """A collection in which something happens once it is known what shall go."""
    failpoints.install(at("gc.planned", act))
    try:
        return gc(ws, apply=True, **more)
    finally:
        failpoints.install(None)


def test_a_plan_changes_nothing(four: Workspace) -> None:
    assert versions(gc(four, keep_last=2), "found") == ["dataset/cats:a1", "dataset/cats:a0"]
    assert left(four) == ["a3", "a2", "a1", "a0"]


def test_the_oldest_go_from_bucket_and_tracker(four: Workspace, tmp_path: Path) -> None:
    result = gc(four, keep_last=2, apply=True)
    assert versions(result, "removed") == ["dataset/cats:a1", "dataset/cats:a0"]
    assert (result.objects, result.bytes) == (2, 2)
    assert left(four) == ["a3", "a2"]
    assert sorted(path.name for path in (tmp_path / "bucket/dataset/cats").iterdir()) == ["a2", "a3"]
    with pytest.raises(NotFound, match="v0 was removed"):
        resolve(four, ref("a0"))
    assert gc(four, keep_last=2, apply=True).items == []
    assert verify_all(four).differing == []


def test_names_protect_but_not_the_first_one_nor_latest(four: Workspace) -> None:
    set_aliases(four, ref("a0"), ["prod"])
    result = gc(four, keep_last=1, apply=True)
    assert versions(result, "removed") == ["dataset/cats:a2", "dataset/cats:a1"]
    assert [(one.what, one.explanation) for one in result.kept] == [("dataset/cats:a0", "v0: it is also called prod")]
    assert left(four) == ["a3", "a0"]


def test_what_a_link_refers_to_stays(four: Workspace) -> None:
    link(four, "dataset/cats/a0", "linked", "dataset", "l")
    result = gc(four, keep_last=1, apply=True)
    assert versions(result, "removed") == ["dataset/cats:a2", "dataset/cats:a1"]
    assert [one.what for one in result.kept] == ["dataset/cats:a0"]
    assert "dataset/linked:l refers to its files" in result.kept[0].explanation


def test_what_a_run_uses_that_has_not_ended_stays(four: Workspace, home: Open, tmp_path: Path) -> None:
    session = home()
    session.run = session.start_run(single_operation=False)
    download(session, ref("a0"), tmp_path / "out")
    assert [one.what for one in gc(four, keep_last=3).kept] == ["dataset/cats:a0"]
    session.run.finish(0)
    session.run = None
    result = gc(four, keep_last=3, apply=True)
    assert versions(result, "removed") == ["dataset/cats:a0"]
    assert [run.inputs for run in four.tracker.list_runs(four.project) if run.inputs] == [("dataset/cats:a0",)]
    with pytest.raises(NotFound):
        lineage(four, ref("a0"))


@pytest.mark.row("A3")
def test_what_this_home_downloads_stays(four: Workspace, home: Open, tmp_path: Path) -> None:
    theirs, seen = home(), list[GcResult]()
    failpoints.install(at("download.entries_read", lambda: seen.append(gc(four, keep_last=3, apply=True))))
    try:
        download(theirs, ref("a0"), tmp_path / "out")
    finally:
        failpoints.install(None)
    assert [one.explanation for one in seen[0].kept] == ["v0: an operation of this home is at it"]
    assert (tmp_path / "out/a").read_bytes() == b"\0"


@pytest.mark.row("A3")
def test_a_name_that_is_given_meanwhile_protects(four: Workspace) -> None:
    result = running(four, lambda: set_aliases(four, ref("a0"), ["prod"]), keep_last=3)
    assert (versions(result, "removed"), versions(result, "kept")) == ([], ["dataset/cats:a0"])
    assert "it is also called prod" in (result.items[0].explanation or "")
    assert resolve(four, ref("prod")).alias == "a0"
    assert verify_all(four).findings == []


@pytest.mark.row("A3")
def test_a_link_that_is_made_meanwhile_protects(four: Workspace, home: Open) -> None:
    theirs = home()
    result = running(four, lambda: link(theirs, "dataset/cats/a0", "linked", "dataset", "l"), keep_last=3)
    assert versions(result, "kept") == ["dataset/cats:a0"]
    assert verify_all(four, deep=True).differing == []


@pytest.mark.row("A3")
@pytest.mark.parametrize("recorded", [True, False])
def test_what_is_replaced_meanwhile_stays(four: Workspace, home: Open, tmp_path: Path, recorded: bool) -> None:
    theirs = home(mode="online" if recorded else "offline")
    other = trees.make(tmp_path / "other", {"a": b"other"})
    result = running(four, lambda: upload(theirs, other, "cats", "dataset", "a0", overwrite=True), keep_last=3)
    assert versions(result, "kept") == ["dataset/cats:a0"]
    assert (tmp_path / "bucket/dataset/cats/a0/a").read_bytes() == b"other"


@pytest.mark.row("A3")
@pytest.mark.parametrize("point", ["upload.claimed", "upload.copying", "upload.copied", "upload.files_stored"])
def test_what_is_being_copied_from_may_go(four: Workspace, home: Open, tmp_path: Path, point: str) -> None:
    """A copy whose source vanished is sent instead."""
    theirs, collected = home(), list[GcResult]()
    source = trees.make(tmp_path / "large", {"a": b"x" * (1 << 20)})
    upload(four, source, "cats", "dataset", "large")
    upload(four, tmp_path / "src0", "cats", "dataset", "newest")
    failpoints.install(at(point, lambda: collected.append(gc(four, keep_last=1, apply=True))))
    try:
        upload(theirs, source, "cats", "dataset", "again")
    finally:
        failpoints.install(None)
    assert "dataset/cats:large" in versions(collected[0], "removed")
    assert sorted(left(four)) == ["again", "newest"]
    assert verify_all(four, deep=True).differing == []


def test_other_artifacts_and_buckets_are_others(four: Workspace, home: Open, tmp_path: Path) -> None:
    upload(four, tmp_path / "src0", "dogs", "dataset", "a0")
    elsewhere = home(bucket=f"file://{tmp_path}/elsewhere")
    upload(elsewhere, tmp_path / "src0", "cats", "dataset", "e0")
    assert versions(gc(four, "dataset", "cats", keep_last=3), "found") == ["dataset/cats:a0"]
    assert versions(gc(four, "model", keep_last=1), "found") == []
    assert versions(gc(elsewhere, keep_last=1), "found") == []


def test_a_tracker_that_knows_no_versions(home: Open) -> None:
    ws = home(tracker="disabled")
    with pytest.raises(Unsupported):
        gc(ws, keep_last=1)
    assert gc(ws).items == []


def test_what_was_done_before_a_failure_is_told(ws: Workspace, source: Path, tmp_path: Path) -> None:
    for alias in ("one", "two", "three"):
        failpoints.install(at("upload.files_stored", lambda: (_ for _ in ()).throw(LocalIOError("no room"))))
        try:
            with pytest.raises(LocalIOError):
                upload(ws, source, "cats", "dataset", alias)
        finally:
            failpoints.install(None)
    old = time.time() - 2 * 86400
    for path in (tmp_path / "bucket").rglob("*"):
        os.utime(path, (old, old))
    told: list[GcResult] = []
    items: list[str] = []

    def stop(name: str) -> None:
        items.append(name) if name == "gc.item" else None
        if name == "gc.item" and len(items) == 3:
            raise LocalIOError("stopped")

    failpoints.install(stop)
    try:
        with pytest.raises(LocalIOError):
            gc(ws, apply=True, failed=told.append)
    finally:
        failpoints.install(None)
    known = [one.state for one in told[0].items]
    assert len(known) == 3
    assert "found" in known
    assert [one.state for one in gc(ws, apply=True).items].count("removed") >= 1
    assert [path for path in (tmp_path / "bucket").rglob("*") if path.is_file()] == [tmp_path / "bucket/.wabucket-lock"]
