"""``verify --all`` over real floors: each way in which bucket, tracker and journal can disagree, and what is none."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.faults import trees
from tests.unit.operations.conftest import REF, Open
from wabucketref import WaBucketRefAPI, failpoints
from wabucketref.errors import NotFound, TrackingPending, TransientError
from wabucketref.model.audit import VerifyAllResult
from wabucketref.model.reference import ArtifactRef
from wabucketref.operations.download import download
from wabucketref.operations.link import link
from wabucketref.operations.remove import remove
from wabucketref.operations.sync import sync
from wabucketref.operations.upload import upload
from wabucketref.operations.verify_all import verify_all
from wabucketref.operations.workspace import Workspace
from wabucketref.store.claims.body import Body
from wabucketref.store.identity import Identity

OTHER = {"a.txt": b"other"}


def states(result: VerifyAllResult) -> list[tuple[str, str, bool]]:
    return [(one.artifact.alias, one.state, one.recorded) for one in result.items]


def findings(result: VerifyAllResult) -> list[tuple[str, str]]:
    return [(one.kind, one.what) for one in result.findings]


def agrees(result: VerifyAllResult) -> bool:
    return not result.differing and not result.pending and not result.findings


def kill(point: str) -> None:
    """Let this process stop at `point`, as far as one that lives on can."""

    def hook(name: str) -> None:
        if name == point:
            raise RuntimeError(name)

    failpoints.install(hook)


def test_everything_agrees(ws: Workspace, source: Path, uploaded: Path, tmp_path: Path) -> None:
    upload(ws, source, "cats", "dataset", "two")
    link(ws, "dataset/cats/one", "linked", "dataset", "l")
    upload(ws, trees.make(tmp_path / "other", OTHER), "cats", "dataset", "two", overwrite=True)
    upload(ws, source, "cats", "dataset", "three")
    remove(ws, ArtifactRef("dataset", "cats", "three"))
    download(ws, REF, tmp_path / "out")
    result = verify_all(ws, deep=True)
    assert states(result) == [("one", "ok", True), ("l", "ok", True), ("two", "ok", True)]
    assert agrees(result)
    assert (result.bucket, result.entity, result.project, result.deep) == (ws.bucket, "ada", "demo", True)


def test_an_empty_bucket_agrees(ws: Workspace) -> None:
    assert agrees(verify_all(ws))
    assert agrees(verify_all(ws, deep=True))


@pytest.mark.row("B6")
def test_damage_is_found_in_every_version(ws: Workspace, source: Path, uploaded: Path) -> None:
    upload(ws, source, "cats", "dataset", "two")
    (uploaded / "a.txt").write_bytes(b"ALPHA\n")
    (uploaded.with_name("two") / "deep/er/b.bin").unlink()
    (uploaded / "stray").touch()
    assert states(verify_all(ws)) == [("one", "ok", True), ("two", "damaged", True)]
    result = verify_all(ws, deep=True)
    assert states(result) == [("one", "damaged", True), ("two", "damaged", True)]
    assert [[(one.path, one.problem) for one in item.damage] for item in result.items] == [
        [("a.txt", "digest")],
        [("deep/er/b.bin", "missing")],
    ]
    assert [list(item.extra) for item in result.items] == [["stray"], []]


@pytest.mark.parametrize("name", ["manifest.json", "entries.jsonl.zst"])
def test_a_damaged_manifest_is_unreadable(ws: Workspace, uploaded: Path, name: str) -> None:
    (uploaded / ".wabucket" / name).write_bytes(b"{}")
    (item,) = verify_all(ws).items
    assert (item.state, item.differs) == ("unreadable", True)
    assert "manifest" in (item.explanation or "")


def test_a_damaged_manifest_that_no_tracker_knows_is_unreadable(home: Open, ws: Workspace, uploaded: Path) -> None:
    (uploaded / ".wabucket/manifest.json").write_bytes(b"{}")
    assert states(verify_all(home("second"))) == [("one", "unreadable", False)]


@pytest.mark.parametrize("what", ["everything", "the manifest", "our objects"])
def test_a_version_that_the_bucket_lost_is_gone(ws: Workspace, uploaded: Path, what: str) -> None:
    control = uploaded / ".wabucket"
    (control / "manifest.json").unlink()
    if what != "the manifest":
        (control / "entries.jsonl.zst").unlink()
    if what == "everything":
        (uploaded / "a.txt").unlink()
        (uploaded / "deep/er/b.bin").unlink()
    result = verify_all(ws)
    assert states(result) == [("one", "gone", True)]
    assert findings(result) == ([("unfinished", str(REF))] if what == "the manifest" else [])


def test_a_removal_that_was_killed_leaves_a_version_that_is_gone(ws: Workspace, uploaded: Path) -> None:
    kill("remove.header_gone")
    try:
        with pytest.raises(RuntimeError):
            remove(ws, REF)
    finally:
        failpoints.install(None)
    assert states(verify_all(ws)) == [("one", "gone", True)]
    remove(ws, REF)
    assert agrees(verify_all(ws))


def test_what_another_home_put_in_its_place_is_said(home: Open, ws: Workspace, uploaded: Path, tmp_path: Path) -> None:
    other = home("second")
    upload(other, trees.make(tmp_path / "other", OTHER), "cats", "dataset", "one", overwrite=True)
    (item,) = verify_all(ws).items
    assert item.state == "replaced"
    assert str(item.artifact.digest) in (item.explanation or "")
    assert agrees(verify_all(other, deep=True))


def test_an_upload_of_another_home_is_not_recorded_here(home: Open, ws: Workspace, uploaded: Path) -> None:
    result = verify_all(home("second"), deep=True)
    assert states(result) == [("one", "ok", False)]
    assert (result.differing, result.pending, result.findings) == ([], 1, [])
    (uploaded / "a.txt").write_bytes(b"ALPHA\n")
    assert states(verify_all(home("second"), deep=True)) == [("one", "damaged", False)]


def test_what_other_projects_keep_in_the_bucket_is_passed_over(home: Open, ws: Workspace, uploaded: Path) -> None:
    assert agrees(verify_all(home(project_name="another")))
    assert agrees(verify_all(home("second", entity="bob")))


def test_a_tracker_that_records_nothing_lacks_nothing(home: Open, ws: Workspace, uploaded: Path) -> None:
    result = verify_all(home(tracker="disabled"), deep=True)
    assert states(result) == [("one", "ok", True)]
    assert agrees(result)


def test_records_that_wait_are_pending_until_sync(home: Open, source: Path) -> None:
    upload(home(mode="offline"), source, "cats", "dataset", "one")
    ws = home()
    result = verify_all(ws)
    assert states(result) == [("one", "ok", False)]
    assert [kind for kind, _ in findings(result)] == ["waiting"]
    assert (result.differing, result.pending) == ([], 2)
    sync(ws)
    assert agrees(verify_all(ws))


def test_an_overwrite_that_waits_to_be_recorded_is_no_damage(
    home: Open, ws: Workspace, uploaded: Path, tmp_path: Path
) -> None:
    other = trees.make(tmp_path / "other", OTHER)
    upload(home(mode="offline"), other, "cats", "dataset", "one", overwrite=True)
    result = verify_all(ws)
    assert states(result) == [("one", "pending", True)]
    assert (result.differing, result.pending) == ([], 2)
    sync(ws)
    assert states(verify_all(ws)) == [("one", "ok", True)]


def test_the_journals_of_other_projects_do_not_count(home: Open, source: Path) -> None:
    upload(home(mode="offline", project_name="another"), source, "cats", "dataset", "one")
    assert agrees(verify_all(home()))


def test_a_journal_that_holds_nothing_is_said(ws: Workspace, uploaded: Path, tmp_path: Path) -> None:
    (tmp_path / "home/journal/r9.journal").write_bytes(b"")
    assert findings(verify_all(ws)) == [("waiting", "r9")]


@pytest.mark.parametrize("way", ["repeated", "removed"])
def test_an_upload_that_nobody_finishes_is_listed_and_does_no_harm(
    ws: Workspace, uploaded: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way: str
) -> None:
    other = trees.make(tmp_path / "other", OTHER)
    with monkeypatch.context() as patch:

        def full(*_: object) -> None:
            raise TransientError("the store is full", retryable=False)

        patch.setattr("wabucketref.store.sending.writing.commit", full)
        with pytest.raises(TransientError):
            upload(ws, other, "cats", "dataset", "two")
    result = verify_all(ws)
    assert states(result) == [("one", "ok", True)]
    assert findings(result) == [("unfinished", "dataset/cats:two")]
    assert not result.pending
    ref = ArtifactRef("dataset", "cats", "two")
    if way == "removed":
        assert remove(ws, ref).version is None
        with pytest.raises(NotFound):
            remove(ws, ref)
    else:
        upload(ws, other, "cats", "dataset", "two")
    assert agrees(verify_all(ws))


def claim(ws: Workspace, pid_alive: bool) -> bytes:
    me = Identity.current(ws.settings.home_id(keep=True))
    who = me if pid_alive else Identity(me.home_id, me.host, me.boot_id, me.pid, me.started - 1)
    return Body.new(who, "x1", "n1").encode()


def test_what_the_dead_left_is_orphaned(ws: Workspace, uploaded: Path, tmp_path: Path) -> None:
    upload(ws, tmp_path / "src", "dogs", "dataset", "one")
    storage = ws.open_storage(ws.bucket)
    mark = json.dumps({"format": "1.0", "xid": "x1", "type": "dataset", "name": "cats", "alias": "never"}).encode()
    dead = {
        ".wabucket-probe/1f": b"probe",
        ".wabucket/links/raw/.wabucket/x1.json": mark,
        ".wabucket/links/raw/.wabucket/x2.json": b"{",
        "dataset/cats/one/.wabucket/claim.json": claim(ws, pid_alive=False),
        "dataset/cats/one/.wabucket/clock-x1": b"1",
        "dataset/birds/one/.wabucket/clock-x1": b"1",
    }
    alive = {
        "dataset/dogs/one/.wabucket/claim.json": claim(ws, pid_alive=True),
        "dataset/dogs/one/.wabucket/clock-x1": b"1",
        "dataset/new/one/.wabucket/claim.json": claim(ws, pid_alive=True),
        "raw/a.txt": b"the user's own",
        "raw/.wabucket-notes/b/c/d/e": b"the user's own",
    }
    for key, data in {**dead, **alive}.items():
        storage.put(key, data)
    result = verify_all(ws)
    assert findings(result) == [("orphan", key) for key in sorted(dead)]
    assert not result.differing
    assert not result.pending


def test_the_mark_of_a_living_link_is_needed(ws: Workspace, uploaded: Path) -> None:
    link(ws, "dataset/cats/one", "linked", "dataset", "l")
    assert agrees(verify_all(ws))
    remove(ws, ArtifactRef("dataset", "linked", "l"))
    assert agrees(verify_all(ws))


def test_an_upload_of_an_earlier_release_cannot_be_verified(ws: Workspace, tmp_path: Path) -> None:
    trees.make(tmp_path / "bucket/dataset/cats/one", trees.TWO_FILES)
    assert agrees(verify_all(ws)), "nobody knows that it is one"
    download(ws, REF, tmp_path / "out")
    result = verify_all(ws)
    assert states(result) == [("one", "unverifiable", True)]
    assert not result.differing


def test_an_upload_that_is_recorded_meanwhile_is_no_disagreement(
    home: Open, ws: Workspace, uploaded: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others go on while everything is read: one uploads, one removes, one overwrites."""
    upload(ws, source, "cats", "dataset", "two")
    upload(ws, source, "cats", "dataset", "three")
    real, second = ws.tracker.list_artifacts, home()

    def list_artifacts(*arguments: Any) -> Any:
        found = real(*arguments)
        monkeypatch.undo()
        upload(second, source, "dogs", "dataset", "new")
        upload(second, source / "a.txt", "cats", "dataset", "two", overwrite=True)
        remove(second, REF)
        return found

    monkeypatch.setattr(ws.tracker, "list_artifacts", list_artifacts)
    result = verify_all(ws)
    assert states(result) == [("two", "ok", True), ("three", "ok", True)]
    assert agrees(result)


def test_a_store_out_of_reach_is_an_error_and_no_verdict(
    ws: Workspace, uploaded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any, **__: Any) -> Any:
        raise TransientError("the store is away")

    monkeypatch.setattr(ws.plane, "compare", down)
    with pytest.raises(TransientError, match="away"):
        verify_all(ws)


def test_the_python_face(ws: Workspace, source: Path, uploaded: Path) -> None:
    with WaBucketRefAPI(settings=ws.settings) as api:
        assert agrees(api.verify_all(deep=True))
        assert api.run is None


def test_a_tracker_out_of_reach_at_upload(ws: Workspace, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: Any) -> Any:
        raise TransientError("locked", retryable=False)

    with monkeypatch.context() as patch:
        patch.setattr(ws.tracker, "log_artifact", down)
        with pytest.raises(TrackingPending):
            upload(ws, source, "cats", "dataset", "one")
    assert states(verify_all(ws)) == [("one", "ok", False)]
    sync(ws)
    assert agrees(verify_all(ws))
