"""Operations over real floors with one of them made to fail."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults import trees
from wabucketref import failpoints
from wabucketref.errors import (
    NotFound,
    TrackingPending,
    TransientError,
    UsageError,
)
from wabucketref.model.reference import ArtifactRef
from wabucketref.model.result import UploadResult
from wabucketref.operations import look
from wabucketref.operations.download import download, target_of, temporary_destination
from wabucketref.operations.link import relative_base
from wabucketref.operations.status import status
from wabucketref.operations.sync import sync
from wabucketref.operations.upload import upload
from wabucketref.operations.workspace import Workspace
from wabucketref.settings import load_settings
from wabucketref.wiring import open_workspace

REF = ArtifactRef("dataset", "cats", "one")


def opened(tmp_path: Path, **settings: Any) -> Workspace:
    given = {"project_name": "demo", "home": str(tmp_path / "home"), "tracker": "embedded", "finish_timeout": 1}
    return open_workspace(load_settings({**given, **settings}))


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    made = opened(tmp_path)
    yield made
    made.close()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return trees.make(tmp_path / "src", trees.TWO_FILES)


def down(*_: object) -> Any:
    raise TransientError("the database is locked", retryable=False)


def journals(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "home" / "journal").iterdir())


@pytest.mark.parametrize("method", ["upsert_run", "log_artifact", "finish_run"])
def test_a_tracker_that_fails_makes_an_upload_pending_not_failed(
    ws: Workspace, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ws.tracker, method, down)
        with pytest.raises(TrackingPending, match="out of reach") as caught:
            upload(ws, source, "cats", "dataset", "one")
    assert caught.value.exit_code == 8
    assert "wabucket sync" in (caught.value.hint or "")
    assert isinstance(caught.value.result, UploadResult)
    assert caught.value.result.tracking == "pending"
    assert ws.plane.find(ws.bucket, REF) is not None, "the bytes are safe"
    (waiting,) = status(ws.settings).items
    assert waiting.state == "waiting"
    (item,) = sync(ws).items
    assert (item.outcome, item.state) == ("recorded", "finished")
    (run,) = look.list_runs(ws)
    assert (str(run.state), run.outputs) == ("finished", ("dataset/cats:one",))
    assert journals(tmp_path) == []


def test_a_use_that_cannot_be_recorded_is_pending_and_the_files_are_there(
    ws: Workspace, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(ws, source, "cats", "dataset", "one")
    monkeypatch.setattr(ws.tracker, "use_artifact", down)
    with pytest.raises(TrackingPending):
        download(ws, REF, tmp_path / "out")
    assert trees.read(tmp_path / "out", without="") == trees.TWO_FILES


def test_a_run_that_cannot_be_ended_in_time_is_pending_too(
    ws: Workspace, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr(ws.tracker, "finish_run", lambda *_: release.wait(20))
    with pytest.raises(TrackingPending) as caught:
        upload(ws, source, "cats", "dataset", "one")
    release.set()
    assert caught.value.exit_code == 8


def test_sync_says_what_still_waits(ws: Workspace, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ws.tracker, "log_artifact", down)
    with pytest.raises(TrackingPending):
        upload(ws, source, "cats", "dataset", "one")
    with pytest.raises(TrackingPending, match="1 run") as caught:
        sync(ws)
    (item,) = caught.value.result.items  # type: ignore[attr-defined]
    assert (item.outcome, item.error) == ("pending", "the database is locked")
    monkeypatch.undo()
    assert [item.outcome for item in sync(ws).items] == ["recorded"]
    assert sync(ws).items == []


def test_the_tracker_that_cannot_answer_does_not_stop_a_download(
    ws: Workspace, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(ws, source, "cats", "dataset", "one")
    monkeypatch.setattr(ws.tracker, "resolve", down)
    assert download(ws, REF, tmp_path / "out").verified
    with pytest.raises(TransientError, match="locked"):
        download(ws, ArtifactRef("dataset", "cats", "latest"), tmp_path / "out2")


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, MemoryError])
def test_an_operation_that_breaks_ends_its_run(
    ws: Workspace, source: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def broken(*_: object, **__: object) -> Any:
        raise error

    monkeypatch.setattr("wabucketref.operations.upload.send_upload", broken)
    with pytest.raises(error):
        upload(ws, source, "cats", "dataset", "one")
    (run,) = look.list_runs(ws)
    expected = ("killed", 130) if error is KeyboardInterrupt else ("failed", 1)
    assert (str(run.state), run.exit_code) == expected


def test_a_transfer_that_runs_out_of_space_is_transient(ws: Workspace, source: Path) -> None:
    def full(name: str) -> None:
        if name == "upload.entries_put":
            raise OSError(28, "No space left on device")

    failpoints.install(full)
    try:
        with pytest.raises(Exception, match="No space left"):
            upload(ws, source, "cats", "dataset", "one")
    finally:
        failpoints.install(None)
    with pytest.raises(NotFound, match="unfinished"):
        download(ws, REF)
    assert upload(ws, source, "cats", "dataset", "one").artifact.version == "v0"


def test_status_of_one(ws: Workspace, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ws.tracker, "log_artifact", down)
    with pytest.raises(TrackingPending):
        upload(ws, source, "cats", "dataset", "one")
    (item,) = status(ws.settings).items
    assert status(ws.settings, item.run_id).items == [item] or status(ws.settings, item.run_id).items
    assert status(ws.settings).to_dict()["items"][0]["run"] == item.run_id
    with pytest.raises(NotFound, match="nope"):
        status(ws.settings, "nope")


@pytest.mark.parametrize(
    ("given", "base"),
    [("raw/cats", "raw/cats"), ("/raw/cats/", "raw/cats"), ("s3://b/p/raw", "raw"), ("s3://b/p/raw/", "raw")],
)
def test_paths_to_link(given: str, base: str) -> None:
    assert relative_base("s3://b/p", given) == base


@pytest.mark.parametrize(
    "given", ["s3://other/p/raw", "s3://b/px/raw", "gs://b/p/raw", "../x", "a/../../x", "a//b", "s3://b/p"]
)
def test_paths_outside_the_bucket(given: str) -> None:
    with pytest.raises(UsageError):
        relative_base("s3://b/p", given)


def test_where_a_download_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert target_of(REF, None) == tmp_path / "dataset/cats/one"
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="not a directory"):
        target_of(REF, "file")
    with temporary_destination(None) as made:
        assert made.is_dir()
    made.rmdir()
    with pytest.raises(ValueError, match="x"), temporary_destination(None) as made:
        raise ValueError("x")
    assert not made.exists()
