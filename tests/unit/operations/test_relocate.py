"""``relocate``: records follow a bucket that was copied to another place."""

import json
import shutil
from pathlib import Path

import pytest

from tests.faults import trees
from tests.unit.operations.conftest import Open
from wabucketref import failpoints
from wabucketref.errors import Conflict, NotFound, TrackingPending, TransientError, Unsupported, UsageError
from wabucketref.model.reference import ArtifactRef
from wabucketref.operations.aliases import set_aliases
from wabucketref.operations.download import download
from wabucketref.operations.look import lineage, list_artifacts, list_runs
from wabucketref.operations.relocate import relocate
from wabucketref.operations.remove import remove
from wabucketref.operations.resolve import resolve
from wabucketref.operations.upload import upload
from wabucketref.operations.verify_all import verify_all
from wabucketref.operations.workspace import Workspace


def ref(alias: str) -> ArtifactRef:
    return ArtifactRef("dataset", "cats", alias)


@pytest.fixture
def old(ws: Workspace, home: Open, tmp_path: Path) -> Workspace:
    """Three versions, of which one was removed; a name; a version of another project; the whole bucket copied."""
    for number in range(3):
        upload(ws, trees.make(tmp_path / f"src{number}", {"a": bytes([number])}), "cats", "dataset", f"a{number}")
    set_aliases(ws, ref("a0"), ["prod"])
    remove(ws, ref("a1"))
    upload(home(project_name="else"), tmp_path / "src0", "cats", "dataset", "theirs")
    shutil.copytree(tmp_path / "bucket", tmp_path / "moved")
    return ws


@pytest.fixture
def moved(home: Open, old: Workspace, tmp_path: Path) -> Workspace:
    """The same home, with the new bucket."""
    return home(bucket=f"file://{tmp_path}/moved")


def urls(tmp_path: Path) -> tuple[str, str]:
    return f"file://{tmp_path}/bucket", f"file://{tmp_path}/moved"


def test_a_plan_changes_nothing(old: Workspace, tmp_path: Path) -> None:
    before = list_artifacts(old)
    result = relocate(old, *urls(tmp_path))
    assert (result.applied, [one.state for one in result.items]) == (False, ["ok"] * 3)
    assert list_artifacts(old) == before


def test_records_follow(old: Workspace, moved: Workspace, home: Open, tmp_path: Path) -> None:
    before = {one.alias: one for one in list_artifacts(old)}
    shutil.rmtree(tmp_path / "bucket")
    assert relocate(old, *urls(tmp_path), apply=True).applied
    after = {one.alias: one for one in list_artifacts(moved)}
    assert list(after) == ["a2", "a0"]
    for alias, one in after.items():
        was = before[alias]
        assert (one.version, one.digest, one.aliases, one.metadata) == (
            was.version,
            was.digest,
            was.aliases,
            was.metadata,
        )
        assert (one.bucket, one.uri) == (moved.bucket, f"{moved.bucket}/dataset/cats/{alias}")
    assert resolve(moved, ref("prod")).version == "v0"
    assert resolve(moved, ref("latest")).version == "v2"
    with pytest.raises(NotFound, match="v1 was removed"):
        resolve(moved, ref("v1"))
    assert lineage(moved, ref("a0")).produced_by is not None
    download(moved, ref("prod"), tmp_path / "out")
    assert (tmp_path / "out/a").read_bytes() == b"\0"
    upload(moved, trees.make(tmp_path / "next", {"a": b"next"}), "cats", "dataset", "next")
    assert resolve(moved, ref("latest")).version == "v3"
    assert list_artifacts(home(project_name="else"))[0].bucket == moved.bucket
    assert verify_all(moved, deep=True).differing == []
    with pytest.raises(NotFound, match="nothing is recorded"):
        relocate(old, *urls(tmp_path), apply=True)


def test_what_was_used_in_the_new_place_before_is_one_version(old: Workspace, moved: Workspace, tmp_path: Path) -> None:
    download(moved, ref("a0"), tmp_path / "out")
    assert len(list_artifacts(moved)) == 3
    assert relocate(old, *urls(tmp_path), apply=True).applied
    assert [one.version for one in list_artifacts(moved)] == ["v2", "v0"]
    assert len(lineage(moved, ref("a0")).used_by) == 1
    assert [run.inputs for run in list_runs(moved) if run.inputs] == [("dataset/cats:a0",)]


@pytest.mark.parametrize(
    ("harm", "state"),
    [("missing", "missing"), ("unfinished", "missing"), ("other", "different"), ("damaged", "unreadable")],
)
def test_nothing_follows_unless_all_is_there(old: Workspace, tmp_path: Path, harm: str, state: str) -> None:
    place = tmp_path / "moved/dataset/cats/a0"
    header = place / ".wabucket/manifest.json"
    if harm == "missing":
        shutil.rmtree(place)
    elif harm == "unfinished":
        header.unlink()
    else:
        text = json.loads(header.read_text())
        header.write_text("?" if harm == "damaged" else json.dumps(text | {"digest": "blake3:" + "0" * 64}))
    result = relocate(old, *urls(tmp_path), apply=True)
    assert not result.applied
    assert [(str(one.artifact.ref), one.state) for one in result.troubles] == [("dataset/cats:a0", state)]
    assert {one.bucket for one in list_artifacts(old)} == {old.bucket}


def test_uploads_without_manifest(home: Open, tmp_path: Path) -> None:
    ws = home()
    trees.make(tmp_path / "bucket", {"old/up/load/f": b"data"})
    download(ws, ArtifactRef("old", "up", "load"), tmp_path / "out")
    shutil.copytree(tmp_path / "bucket", tmp_path / "moved")
    assert [one.state for one in relocate(ws, *urls(tmp_path)).items] == ["ok"]
    (tmp_path / "moved/old/up/load/g").write_bytes(b"more")
    assert [one.state for one in relocate(ws, *urls(tmp_path)).items] == ["different"]


def test_a_name_that_means_something_else_there(old: Workspace, moved: Workspace, tmp_path: Path) -> None:
    upload(moved, trees.make(tmp_path / "next", {"a": b"next"}), "cats", "dataset", "next")
    set_aliases(moved, ref("next"), ["prod"])
    before = list_artifacts(old)
    with pytest.raises(Conflict, match="prod"):
        relocate(old, *urls(tmp_path), apply=True)
    assert list_artifacts(old) == before


def test_what_is_recorded_meanwhile(old: Workspace, home: Open, tmp_path: Path) -> None:
    def hit(name: str) -> None:
        if name == "relocate.looked":
            upload(home(), tmp_path / "src0", "cats", "dataset", "late")

    failpoints.install(hit)
    try:
        with pytest.raises(TransientError, match="changed"):
            relocate(old, *urls(tmp_path), apply=True)
    finally:
        failpoints.install(None)
    assert {one.bucket for one in list_artifacts(old)} == {old.bucket}


def test_what_waits_to_be_recorded_comes_first(old: Workspace, home: Open, tmp_path: Path) -> None:
    offline = home(mode="offline")
    upload(offline, tmp_path / "src0", "cats", "dataset", "late")
    offline.close()
    with pytest.raises(TrackingPending):
        relocate(old, *urls(tmp_path), apply=True)


def test_what_cannot_be(old: Workspace, home: Open, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the same"):
        relocate(old, *urls(tmp_path)[:1] * 2)
    with pytest.raises(UsageError):
        relocate(old, "s3:/typo", "file:///x")
    with pytest.raises(Unsupported):
        relocate(home(tracker="disabled"), *urls(tmp_path))
