"""Upload: files of this machine become an artifact in the bucket, and an output of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from wabucketref.contracts.tracker_files import StoringTracker
from wabucketref.errors import NotFound, Unsupported, UsageError
from wabucketref.model.artifact import ArtifactInfo
from wabucketref.model.plan import RunFacts, TransferFigures, UploadPlan
from wabucketref.model.reference import ArtifactRef
from wabucketref.model.result import UploadResult
from wabucketref.model.text import check_patterns, check_unicode
from wabucketref.operations.earlier import earlier_uploads
from wabucketref.operations.handover import hand_over
from wabucketref.operations.naming import NewArtifact, new_artifact
from wabucketref.operations.outcome import settle, uploaded
from wabucketref.operations.workspace import Workspace, finish_after
from wabucketref.runs.ids import new_xid
from wabucketref.runs.run import Run
from wabucketref.service.ticket import Ticket


@dataclass(frozen=True)
class Selection:
    """Which files, and whether they may replace an upload."""

    source: Path
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    overwrite: bool = False
    as_reference: bool = True


def upload(
    ws: Workspace,
    source: str | Path,
    name: str,
    type: str,
    alias: str | None = None,
    *,
    metadata: Mapping[str, Any] | None = None,
    suffix: str | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    overwrite: bool = False,
    as_reference: bool = True,
    dry_run: bool = False,
) -> UploadResult:
    """Upload a directory or file and wait until it is committed and recorded.

    Raises:
        UsageError, NotFound: before anything is recorded or sent.
        Conflict: the alias is taken, or another writer is at it.
        TransientError, NotAuthorised: the bucket or this machine failed; trying again goes on where it stopped.
        TrackingPending: it is in the bucket, but not recorded; carries the ``result``.
    """
    artifact = new_artifact(ws, name, type, alias, metadata, suffix)
    selection = select(ws, source, include, exclude, overwrite, as_reference)
    if dry_run:
        return _preview(ws, artifact, selection)
    with ws.session() as run:
        result = ws.wait(run, send_upload(ws, run, artifact, selection))
    result = settle(ws, run, result, f"the upload of {result.ref}")
    hand_over(ws, result, artifact.suffix)
    return result


def leave_upload(
    ws: Workspace,
    source: str | Path,
    name: str,
    type: str,
    alias: str | None = None,
    *,
    metadata: Mapping[str, Any] | None = None,
    suffix: str | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    overwrite: bool = False,
    as_reference: bool = True,
) -> UploadResult:
    """Leave an upload to the home's background service: its journal has it when this returns, and the service ends
    its run. Later steps are told its names at once.

    Raises:
        UsageError: no service is running; or as :func:`upload`.
        NotFound: as :func:`upload`.
    """
    artifact = new_artifact(ws, name, type, alias, metadata, suffix)
    selection = select(ws, source, include, exclude, overwrite, as_reference)
    if not ws.transport().outlives:
        raise UsageError(
            "no service is running, so nothing could go on in the background",
            hint="`wabucket service start` first, or leave out --no-wait",
        )
    run = ws.start_run(single_operation=True)
    try:
        plan = _plan(ws, artifact, selection, run)
        run.client.send(plan, lambda done: uploaded(run.in_short(), done))
        run.finish_later()
    except BaseException as error:
        finish_after(run, error)
        raise
    result = UploadResult(_planned(plan, 0, 0), run.in_short(), "pending", TransferFigures(), xid=plan.xid)
    hand_over(ws, result, artifact.suffix)
    return result


def begin_upload(
    ws: Workspace,
    source: str | Path,
    name: str,
    type: str,
    alias: str | None = None,
    *,
    metadata: Mapping[str, Any] | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    overwrite: bool = False,
) -> Ticket[UploadResult]:
    """As :func:`upload`, in a session's run and without waiting: the journal has the operation."""
    artifact = new_artifact(ws, name, type, alias, metadata, None)
    selection = select(ws, source, include, exclude, overwrite)
    return send_upload(ws, ws.session_run(), artifact, selection)


def select(
    ws: Workspace,
    source: str | Path,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    overwrite: bool = False,
    as_reference: bool = True,
) -> Selection:
    """What to send, checked.

    Raises:
        NotFound: there is no such file or directory.
        UsageError: its path, or a pattern, is not UTF-8.
        Unsupported: the bytes shall go into a tracker that holds none.
    """
    if not as_reference and not ws.tracker.capabilities.stores_bytes:
        raise Unsupported(
            f"the tracker {ws.tracker.name} does not store bytes",
            hint="leave --no-reff out; the bytes go to the bucket",
        )
    if "\0" in str(source):
        raise UsageError("the source path has the character U+0000")
    path = Path(source).absolute()
    check_unicode(path, "the source", hint="rename it; whatever leads to it counts, the working directory too")
    if not path.exists() and not path.is_symlink():
        raise NotFound(f"{source} does not exist", hint="give a file or a directory")
    chosen = check_patterns(include, "include"), check_patterns(exclude, "exclude")
    return Selection(path, *chosen, overwrite, as_reference)


def send_upload(ws: Workspace, run: Run, artifact: NewArtifact, selection: Selection) -> Ticket[UploadResult]:
    """Give the upload to the service."""
    return run.client.send(_plan(ws, artifact, selection, run), lambda done: uploaded(run.in_short(), done))


def _plan(ws: Workspace, artifact: NewArtifact, selection: Selection, run: Run | None) -> UploadPlan:
    entity, project = ws.project
    keeps = not selection.as_reference
    return UploadPlan(
        xid=new_xid(),
        source=str(selection.source),
        bucket=cast(StoringTracker, ws.tracker).kept_bucket(ws.project) if keeps else ws.bucket,
        type=artifact.type,
        name=artifact.name,
        alias=artifact.alias,
        run=RunFacts(run.id if run else "", project, entity),
        created=datetime.now(UTC),
        metadata=artifact.metadata,
        include=selection.include,
        exclude=selection.exclude,
        overwrite=selection.overwrite,
        replaces=_replaced(ws, artifact) if selection.overwrite and run is not None and not keeps else "",
        earlier=() if keeps else earlier_uploads(ws, artifact.type, artifact.name),
    )


def _replaced(ws: Workspace, artifact: NewArtifact) -> str:
    """What an overwrite is to replace, journaled with it: after a crash it must not replace what came later."""
    return ws.plane.write_id(ws.bucket, ArtifactRef(artifact.type, artifact.name, artifact.alias))


def _preview(ws: Workspace, artifact: NewArtifact, selection: Selection) -> UploadResult:
    plan = _plan(ws, artifact, selection, None)
    preview = ws.plane.preview_upload(plan)
    return UploadResult(_planned(plan, preview.files, preview.bytes), None, "disabled", preview.figures, dry_run=True)


def _planned(plan: UploadPlan, files: int, bytes: int) -> ArtifactInfo:
    """What is known of an artifact that is not in the bucket yet."""
    return ArtifactInfo(
        type=plan.type,
        name=plan.name,
        alias=plan.alias,
        version=None,
        uri=f"{plan.bucket}/{plan.ref.directory}",
        bucket=plan.bucket,
        digest=None,
        files=files,
        bytes=bytes,
        created=plan.created,
        metadata=plan.metadata,
    )
