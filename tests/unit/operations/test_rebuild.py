"""``rebuild``: a catalog out of nothing but the bucket, and beside what it knows already."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.faults import trees
from tests.unit.operations.conftest import Open
from wabucketref import failpoints
from wabucketref.contracts.tracker_buckets import FoundUpload
from wabucketref.errors import CatalogDamaged, InvalidValue, NotFound, Unsupported
from wabucketref.model.rebuilt import RebuildResult
from wabucketref.model.reference import ArtifactRef
from wabucketref.operations import rebuild as module
from wabucketref.operations.aliases import set_aliases
from wabucketref.operations.download import download
from wabucketref.operations.link import link
from wabucketref.operations.look import lineage, list_artifacts, list_runs
from wabucketref.operations.rebuild import rebuild
from wabucketref.operations.remove import remove
from wabucketref.operations.resolve import resolve
from wabucketref.operations.sync import sync
from wabucketref.operations.upload import upload
from wabucketref.operations.verify_all import verify_all
from wabucketref.operations.workspace import Workspace
from wabucketref.trackers.embedded import aside as aside_module
from wabucketref.trackers.embedded.aside import set_damaged_aside

FACTS = ("type", "name", "alias", "version", "uri", "bucket", "digest", "files", "bytes", "metadata", "linked")


def ref(alias: str, name: str = "cats") -> ArtifactRef:
    return ArtifactRef("dataset", name, alias)


def facts(ws: Workspace) -> list[tuple[Any, ...]]:
    found = [(*(getattr(one, field) for field in FACTS), one.aliases) for one in list_artifacts(ws)]
    return sorted(found, key=lambda one: [str(value) for value in one])


@pytest.fixture
def full(ws: Workspace, tmp_path: Path) -> Workspace:
    """Five versions of two artifacts, and a link."""
    for number in range(3):
        source = trees.make(tmp_path / f"src{number}", {"a": bytes([number])})
        upload(ws, source, "cats", "dataset", f"z{3 - number}", metadata={"number": number})
    for number in range(2):
        upload(ws, tmp_path / f"src{number}", "dogs", "dataset", f"d{number}")
    link(ws, "dataset/cats/z3", "linked", "dataset", "l")
    return ws


def header_of(tmp_path: Path, alias: str) -> Path:
    return tmp_path / f"bucket/dataset/cats/{alias}/.wabucket/manifest.json"


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def at(point: str, act: Callable[[], object]) -> Callable[[str], None]:
    done: list[str] = []

    def hit(name: str) -> None:
        if name == point and not done:
            done.append(name)
            act()

    return hit


def running(ws: Workspace, point: str, act: Callable[[], object]) -> RebuildResult:
    failpoints.install(at(point, act))
    try:
        return rebuild(ws)
    finally:
        failpoints.install(None)


def test_a_catalog_of_another_home_is_the_same(full: Workspace, home: Open) -> None:
    new = home("new")
    result = rebuild(new)
    assert (result.added, result.known, result.runs, result.unverified, result.skipped) == (6, 0, 6, 0, [])
    assert facts(new) == facts(full)
    assert [one.created for one in list_artifacts(new)] == [one.created for one in list_artifacts(full)]
    for one in list_artifacts(full):
        here, there = lineage(full, one.ref).produced_by, lineage(new, one.ref).produced_by
        assert here is not None
        assert there is not None
        assert (there.id, there.state, there.exit_code) == (here.id, "finished", 0)
        assert there.notes == f"known from the manifests in {full.bucket} alone"
    assert verify_all(new, deep=True).differing == []


def test_again_changes_nothing(full: Workspace, home: Open) -> None:
    for ws in (full, home("new")):
        rebuild(ws)
        before, runs = facts(ws), [run.to_dict() for run in list_runs(ws)]
        result = rebuild(ws)
        assert (result.added, result.known, result.runs) == (0, 6, 0)
        assert facts(ws) == before
        assert [run.to_dict() for run in list_runs(ws)] == runs


def test_what_the_catalog_knows_is_kept(full: Workspace, home: Open, tmp_path: Path) -> None:
    """Names, numbers, runs; what it does not know is numbered behind it."""
    set_aliases(full, ref("z3"), ["prod"])
    other = home("other")
    upload(other, trees.make(tmp_path / "more", {"a": b"more"}), "cats", "dataset", "other")
    result = rebuild(full)
    assert (result.added, result.known, result.runs) == (1, 6, 1)
    assert resolve(full, ref("prod")).version == "v0"
    assert resolve(full, ref("other")).version == "v3"
    assert resolve(full, ref("latest")).alias == "other"
    assert list_runs(full)[-1].notes is None


def test_several_batches_are_numbered_as_one(full: Workspace, home: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BATCH", 2)
    new = home("new")
    assert rebuild(new).added == 6
    assert facts(new) == facts(full)


def test_a_crash_in_between_and_again(full: Workspace, home: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BATCH", 2)

    def stop() -> None:
        raise KeyboardInterrupt

    new = home("new")
    with pytest.raises(KeyboardInterrupt):
        running(new, "rebuild.recorded", stop)
    assert len(list_artifacts(new)) == 2
    result = rebuild(new)
    assert (result.added, result.known) == (4, 2)
    assert facts(new) == facts(full)


def test_other_projects_of_the_bucket(full: Workspace, home: Open, tmp_path: Path) -> None:
    theirs = home("theirs", project_name="else", entity="bob")
    upload(theirs, tmp_path / "src0", "cats", "dataset", "theirs")
    new = home("new", project_name=None)
    result = rebuild(new)
    assert [one.to_dict() for _, one in sorted(result.projects.items())] == [
        {"entity": "ada", "project": "demo", "added": 6, "known": 0},
        {"entity": "bob", "project": "else", "added": 1, "known": 0},
    ]
    assert facts(home("new", project_name="else", entity="bob")) == facts(theirs)


def test_uploads_of_earlier_releases(full: Workspace, home: Open, tmp_path: Path) -> None:
    """They belong to the project that is given; data that a link refers to is no upload."""
    for path in ("old/up/load/f", "old/up/load/g/h", "old/up/load/.wabucket/clock-x", "raw/data/files/f", "plain/f"):
        trees.make(tmp_path / "bucket", {path: b"data"})
    link(full, "raw/data", "raw", "dataset", "r")
    nameless = rebuild(home("nameless", project_name=None))
    assert [(one.what, one.problem) for one in nameless.skipped] == [("old/up:load", "skipped")]
    new = home("new")
    result = rebuild(new)
    assert (result.unverified, result.skipped) == (1, [])
    (found,) = list_artifacts(new, "old")
    assert (found.version, found.digest, found.files, found.bytes, found.aliases) == (
        "v0",
        None,
        2,
        8,
        ("load", "latest"),
    )
    assert lineage(new, found.ref).produced_by is None
    download(new, found.ref, tmp_path / "out")
    assert (tmp_path / "out/g/h").read_bytes() == b"data"
    assert rebuild(new).added == 0


@pytest.mark.row("H5")
@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"digest": "md5:1"}, "damaged"),
        ({"alias": "other"}, "damaged"),
        ({"alias": "Z2"}, "damaged"),
        ({"created": "0001-01-01T00:00:00+14:00"}, "damaged"),
        ({"created": "9999-12-31T23:59:59-14:00"}, "damaged"),
        ({"format": "2.0"}, "newer"),
        ({"run": {"id": "r", "project": "../x", "entity": "ada"}}, "damaged"),
        ({"run": {"id": 7, "project": "demo", "entity": "ada"}}, "damaged"),
        ({"run": {"project": "demo", "entity": "ada"}}, "damaged"),
        ({"run": {"id": "x" * 200, "project": "demo", "entity": "ada"}}, "damaged"),
    ],
)
def test_damaged_and_hostile_manifests_are_left_out(
    full: Workspace, home: Open, tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    edit(header_of(tmp_path, "z2"), **changes)
    new = home("new")
    result = rebuild(new)
    assert [(one.what, one.problem) for one in result.skipped] == [("dataset/cats:z2", problem)]
    assert (result.added, [one.version for one in list_artifacts(new, "dataset", "cats")]) == (5, ["v1", "v0"])


@pytest.mark.row("H5")
def test_what_the_tracker_cannot_hold_is_left_out(full: Workspace, home: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """As PostgreSQL cannot hold some text."""
    new = home("new")
    add = new.tracker.add_found  # type: ignore[attr-defined]

    def picky(found: list[FoundUpload]) -> object:
        if any(one.artifact.alias == "z2" for one in found):
            raise InvalidValue("it was given text that it cannot hold")
        return add(found)

    monkeypatch.setattr(new.tracker, "add_found", picky)
    result = rebuild(new)
    assert [(one.what, one.problem) for one in result.skipped] == [("dataset/cats:z2", "damaged")]
    assert (result.added, len(list_artifacts(new))) == (5, 5)


def test_a_manifest_that_names_no_run(full: Workspace, home: Open, tmp_path: Path) -> None:
    edit(header_of(tmp_path, "z1"), run={})
    new = home("new")
    assert rebuild(new).runs == 5
    assert lineage(new, ref("z1")).produced_by is None
    assert rebuild(home("nameless", project_name=None)).skipped[0].what == "dataset/cats:z1"


def test_an_unfinished_upload_is_none(full: Workspace, home: Open, tmp_path: Path) -> None:
    header_of(tmp_path, "z1").unlink()
    assert rebuild(home("new")).added == 5


def test_the_run_of_a_journal_is_ended_by_it(home: Open, source: Path) -> None:
    offline = home(mode="offline")
    upload(offline, source, "cats", "dataset", "one")
    offline.close()
    ws = home()
    assert rebuild(ws).added == 1
    (run,) = list_runs(ws)
    assert run.state == "running"
    sync(ws)
    (run,) = list_runs(ws)
    assert (run.state, run.outputs) == ("finished", ("dataset/cats:one",))
    assert [one.version for one in list_artifacts(ws)] == ["v0"]


def test_what_was_overwritten_by_a_home_that_is_lost(full: Workspace, home: Open, tmp_path: Path) -> None:
    lost = home("lost", mode="offline")
    upload(lost, trees.make(tmp_path / "changed", {"a": b"new"}), "cats", "dataset", "z2", overwrite=True)
    assert rebuild(full).added == 1
    found = resolve(full, ref("z2"))
    assert (found.version, found.bytes) == ("v3", 3)
    assert [one.alias for one in list_artifacts(full, "dataset", "cats")] == ["z2", "z1", "z3"]
    assert verify_all(full).differing == []


def test_what_was_removed_and_is_there_again(full: Workspace, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    shutil.copytree(tmp_path / "bucket/dataset/cats/z1", kept)
    remove(full, ref("z1"))
    shutil.copytree(kept, tmp_path / "bucket/dataset/cats/z1")
    assert rebuild(full).added == 1
    assert resolve(full, ref("z1")).version == "v3"
    assert (rebuild(full).added, len(list_artifacts(full, "dataset", "cats"))) == (0, 3)


@pytest.mark.row("A3")
def test_what_is_replaced_or_removed_while_it_is_read(full: Workspace, home: Open, tmp_path: Path) -> None:
    """By whoever records it; the catalog has neither twice, nor what is gone."""
    new, theirs = home("new"), home("new")
    changed = trees.make(tmp_path / "changed", {"a": b"new"})

    def act() -> None:
        upload(theirs, changed, "cats", "dataset", "z2", overwrite=True)
        remove(full, ref("d0", "dogs"))

    result = running(new, "rebuild.header_read", act)
    assert result.skipped == []
    assert resolve(new, ref("z2")).bytes == 3
    with pytest.raises(NotFound):
        resolve(new, ref("d0", "dogs"))
    assert verify_all(new).differing == []
    assert [one.state for one in verify_all(new).items if not one.recorded] == []


@pytest.mark.row("A3")
def test_what_is_removed_before_it_is_recorded(full: Workspace, home: Open, tmp_path: Path) -> None:
    """Whoever removes it has told the catalog of it by then; that it is gone is seen afterwards."""
    trees.make(tmp_path / "bucket", {"old/up/load/f": b"data", "old/up/stays/f": b"data"})
    new, theirs = home("new"), home("new")

    def act() -> None:
        remove(theirs, ref("d0", "dogs"))
        remove(theirs, ArtifactRef("old", "up", "load"))

    result = running(new, "rebuild.adding", act)
    assert (result.added, result.unverified, result.skipped) == (6, 1, [])
    assert sorted(str(one.ref) for one in list_artifacts(new) if one.name in ("dogs", "up")) == [
        "dataset/dogs:d1",
        "old/up:stays",
    ]
    assert verify_all(new).differing == []
    assert not list((tmp_path / "bucket").rglob("claim*"))


@pytest.mark.row("A3")
@pytest.mark.parametrize("point", ["remove.header_gone", "remove.files_gone"])
def test_what_is_recorded_while_it_is_removed(full: Workspace, home: Open, tmp_path: Path, point: str) -> None:
    """Who removes it tells the catalog last, so the record goes with it."""
    new, theirs = home("new"), home("new")
    looked = iter(["first"])

    def during(name: str) -> None:
        if name == "rebuild.adding" and next(looked, None):
            remove(theirs, ref("d0", "dogs"))
        elif name == point:
            rebuild(home("new"))

    failpoints.install(during)
    try:
        rebuild(new)
    finally:
        failpoints.install(None)
    with pytest.raises(NotFound):
        resolve(new, ref("d0", "dogs"))
    assert verify_all(new).differing == []


@pytest.mark.row("A3")
def test_what_is_removed_and_uploaded_again_meanwhile_stays(full: Workspace, home: Open, tmp_path: Path) -> None:
    """Recorded by whoever uploaded it, under the same digest."""
    new, theirs = home("new"), home("new")

    def act() -> None:
        remove(theirs, ref("d0", "dogs"))
        upload(theirs, tmp_path / "src0", "dogs", "dataset", "d0")

    running(new, "rebuild.adding", act)
    assert resolve(new, ref("d0", "dogs")).bytes == 1
    assert verify_all(new).differing == []


def test_trackers_that_cannot_be_filled(home: Open) -> None:
    with pytest.raises(Unsupported):
        rebuild(home(tracker="disabled"))


def test_damage_that_a_quick_look_does_not_see(full: Workspace, tmp_path: Path) -> None:
    """An index that lacks a row: nothing but a thorough look finds it."""
    full.close()
    path = tmp_path / "home/catalog.sqlite"
    url = f"sqlite:///{path}"
    assert set_damaged_aside(url) is None
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA writable_schema=ON")
        raw.execute("UPDATE sqlite_master SET rootpage = 3 WHERE type = 'index' AND tbl_name = 'run_output'")
        raw.commit()
    aside = set_damaged_aside(url)
    assert aside is not None
    assert (path.exists(), Path(aside).exists()) == (False, True)
    assert set_damaged_aside(url) is None


def test_a_server_that_is_damaged_is_not_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise CatalogDamaged("the catalog is damaged")

    monkeypatch.setattr(aside_module, "ensure_schema", broken)
    with pytest.raises(CatalogDamaged):
        set_damaged_aside("postgresql://nobody@localhost/none")
