"""Reading what another upload has replaced: told from a forgery by what is not in the bucket."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.faults import trees
from tests.unit.operations.conftest import REF, Open
from wabucketref import WaBucketRefAPI
from wabucketref.errors import NotAsRecorded, NotFound, ReplacedWhileReading
from wabucketref.model.artifact import ArtifactInfo, LoggedArtifact
from wabucketref.model.manifest import Header
from wabucketref.model.run import RunKey
from wabucketref.operations.download import download
from wabucketref.operations.remove import remove
from wabucketref.operations.resolve import resolve
from wabucketref.operations.sync import sync
from wabucketref.operations.upload import upload
from wabucketref.operations.verify import verify
from wabucketref.operations.workspace import Workspace

Use = Callable[[Workspace, Path], Any]
USES: dict[str, Use] = {
    "download": lambda ws, out: download(ws, REF, out),
    "dry-run": lambda ws, out: download(ws, REF, out, dry_run=True),
    "verify": lambda ws, out: verify(ws, REF),
    "ticket": lambda ws, out: _by_ticket(ws, out),
}


def _by_ticket(ws: Workspace, out: Path) -> None:
    with WaBucketRefAPI(settings=ws.settings) as api:
        api.download("cats", "dataset", "one", out, wait=False).wait(30)


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return trees.make(tmp_path / "other", {"a.txt": b"other"})


def overwrite(ws: Workspace, source: Path) -> None:
    upload(ws, source, "cats", "dataset", "one", overwrite=True)


def refused(ws: Workspace, use: Use, out: Path) -> ReplacedWhileReading:
    with pytest.raises(ReplacedWhileReading) as caught:
        use(ws, out)
    assert not out.exists()
    return caught.value


@pytest.mark.row("A2")
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_an_overwrite_that_waits_for_sync(
    home: Open, ws: Workspace, uploaded: Path, other: Path, tmp_path: Path, use: Use
) -> None:
    overwrite(home(mode="offline"), other)
    error = refused(ws, use, tmp_path / "out")
    assert (error.exit_code, "`wabucket sync`" in str(error.hint)) == (5, True)
    sync(ws)
    use(ws, tmp_path / "out")


@pytest.mark.row("A2")
@pytest.mark.parametrize("shared", [False, True], ids=["one home", "one catalog"])
def test_an_overwrite_that_is_recorded_just_now(
    home: Open,
    ws: Workspace,
    uploaded: Path,
    other: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shared: bool,
) -> None:
    """It is committed, and its process lives: in this home, or in another one that has the same catalog."""
    writer, reader, real = home(), home("second") if shared else ws, ws.tracker.log_artifact
    if shared:
        reader.tracker = ws.tracker
    errors: list[ReplacedWhileReading] = []

    def log_artifact(key: RunKey, artifact: LoggedArtifact) -> ArtifactInfo:
        errors.append(refused(reader, USES["verify"], tmp_path / "out"))
        return real(key, artifact)

    monkeypatch.setattr(writer.tracker, "log_artifact", log_artifact)
    overwrite(writer, other)
    assert errors
    assert all("wait until the run" in str(error.hint) for error in errors)
    verify(reader, REF)


@pytest.mark.row("A2")
@pytest.mark.parametrize("then", ["recorded", "put back", "removed"])
def test_an_overwrite_after_the_tracker_was_asked(
    home: Open, ws: Workspace, source: Path, uploaded: Path, other: Path, tmp_path: Path, then: str
) -> None:
    second, real = home(), ws.tracker.resolve

    def resolve(*arguments: Any) -> ArtifactInfo:
        found = real(*arguments)
        ws.tracker.resolve = real  # type: ignore[method-assign]
        overwrite(second, other)
        if then == "removed":
            remove(second, REF)
        return found

    def resolve_again(*arguments: Any) -> ArtifactInfo:
        """The third of three: who looked at the bucket between finds the second one there."""
        overwrite(second, source)
        return real(*arguments)

    ws.tracker.resolve = resolve  # type: ignore[method-assign]
    if then == "put back":
        looked = ws.plane.find

        def find(*arguments: Any) -> Header | None:
            ws.plane.find = looked  # type: ignore[method-assign]
            ws.tracker.resolve = resolve_again  # type: ignore[method-assign]
            return looked(*arguments)

        ws.plane.find = find  # type: ignore[method-assign]
    if then == "removed":
        with pytest.raises(NotFound):
            download(ws, REF, tmp_path / "out")
        return
    assert refused(ws, USES["download"], tmp_path / "out").hint == "try again"


@pytest.mark.row("H6")
@pytest.mark.parametrize("how", ["edited", "brought back", "of a run that runs elsewhere"])
def test_a_forgery(
    home: Open, ws: Workspace, source: Path, uploaded: Path, other: Path, tmp_path: Path, how: str
) -> None:
    """Whatever a header says of its run and write, it is not what is recorded, nor what waits to be."""
    old = trees.read(uploaded, without="")
    overwrite(home(mode="offline") if how == "edited" else ws, other)
    if how == "brought back":
        shutil.rmtree(uploaded)
        trees.make(uploaded, old)
    else:
        path = uploaded / ".wabucket/manifest.json"
        header = json.loads(path.read_bytes())
        header["digest"] = "blake3:" + "0" * 64
        if how != "edited":
            header["run"] = {"id": "r1", "project": "demo", "entity": "mallory"}
        path.unlink()
        path.write_text(json.dumps(header))
    with pytest.raises(NotAsRecorded, match="behind the tracker's back") as caught:
        download(ws, REF, tmp_path / "out")
    assert caught.value.exit_code == 7
    assert not (tmp_path / "out").exists()


def test_a_pinned_reference_never_leads_to_other_content(
    home: Open, ws: Workspace, uploaded: Path, other: Path, tmp_path: Path
) -> None:
    found = resolve(ws, REF)
    pinned = replace(REF, digest=found.digest)
    overwrite(ws, other)
    with pytest.raises(NotAsRecorded, match="has the digest"):
        download(ws, pinned, tmp_path / "out")
    with pytest.raises(NotAsRecorded):
        download(home(tracker="disabled"), pinned, tmp_path / "out")
