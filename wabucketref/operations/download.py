"""Download: an artifact's files come to this machine, verified, as an input of a run."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from wabucketref.errors import LocalIOError, NotFound, UsageError, WaBucketError
from wabucketref.model.artifact import ArtifactInfo
from wabucketref.model.plan import DownloadPlan, TransferFigures
from wabucketref.model.reference import ArtifactRef
from wabucketref.model.result import DownloadResult
from wabucketref.model.runargs import parse_run_args
from wabucketref.model.text import check_patterns, check_unicode
from wabucketref.operations.outcome import downloaded, settle
from wabucketref.operations.replaced import explained
from wabucketref.operations.resolve import kept_in, resolve_readable
from wabucketref.operations.workspace import Workspace
from wabucketref.runs.ids import new_xid
from wabucketref.runs.run import Run
from wabucketref.service.ticket import Ticket


def download(
    ws: Workspace,
    ref: ArtifactRef,
    destination: str | Path | None = None,
    *,
    run_args: Mapping[str, Any] | str | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    follow_references: bool = False,
    deep: bool = False,
    dry_run: bool = False,
) -> DownloadResult:
    """Fetch an artifact into `destination` (default ``./TYPE/NAME/ALIAS``) and wait until its use is recorded. `deep`:
    files that are there already are read, not believed to be what this machine remembers of them.

    `follow_references`: of an artifact that another program logged, also those that lead out of its bucket.

    Raises:
        UsageError, NotFound: before anything is recorded.
        IntegrityError: bytes differ from the manifest; the destination is as before.
        ReplacedWhileReading: another upload took its place, which the tracker may not know yet.
        Conflict: a file lies where a directory must be.
        TransientError, NotAuthorised: the bucket or this machine failed; trying again goes on where it stopped.
        TrackingPending: the files are in place, but the use is not recorded; carries the ``result``.
    """
    config = parse_run_args(run_args)
    target = target_of(ref, destination)
    ws.project  # noqa: B018 - refuse a missing project before asking the tracker
    artifact = resolve_readable(ws, ref) if dry_run else _resolved(ws, ref, target)
    plan = plan_download(artifact, target, include, exclude, pinned=ref.digest is not None, deep=deep)
    plan = replace(plan, kept=kept_in(ws, artifact, follow=follow_references))
    if dry_run:
        figures = _preview(ws, artifact, plan)
        return DownloadResult(artifact, None, "disabled", figures, target, verified=False, dry_run=True)
    with ws.session(config=config) as run:
        result = ws.wait(run, send_download(ws, run, artifact, plan))
    if ws.run is run:
        ws.inputs[str(result.artifact.ref)] = None
    return settle(ws, run, result, f"the download of {ref}")


def begin_download(
    ws: Workspace,
    ref: ArtifactRef,
    destination: str | Path,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    follow_references: bool = False,
    deep: bool = False,
) -> Ticket[DownloadResult]:
    """As :func:`download`, in a session's run and without waiting."""
    target = target_of(ref, destination)
    artifact = _resolved(ws, ref, target)
    plan = plan_download(artifact, target, include, exclude, pinned=ref.digest is not None, deep=deep)
    plan = replace(plan, kept=kept_in(ws, artifact, follow=follow_references))
    return send_download(ws, ws.session_run(), artifact, plan)


@contextlib.contextmanager
def temporary_destination(destination: str | Path | None) -> Iterator[Path]:
    """`destination`, or a new temporary directory, which is removed when the block raises."""
    if destination is not None:
        yield Path(destination)
        return
    try:
        made = Path(tempfile.mkdtemp(prefix="wabucket-"))
    except OSError as error:
        hint = "give a destination, or set TMPDIR to a directory with free space"
        raise LocalIOError(f"cannot make a temporary directory: {error.strerror}", hint=hint) from error
    try:
        yield made
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def target_of(ref: ArtifactRef, destination: str | Path | None) -> Path:
    """The absolute directory to fill.

    Raises:
        UsageError: it is a file, or its path is not UTF-8.
    """
    path = Path(destination) if destination is not None else Path(ref.directory)
    if "\0" in str(path):
        raise UsageError("the destination has the character U+0000")
    check_unicode(path.absolute(), "the destination", hint="give another one with -d, as an absolute path")
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path} is not a directory", hint="give a directory with -d")
    return path.absolute()


def plan_download(
    artifact: ArtifactInfo,
    target: Path,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    *,
    pinned: bool = False,
    deep: bool = False,
) -> DownloadPlan:
    """The plan for one resolved artifact. Its digest counts where the tracker gave it, or the user (`pinned`): what was
    merely seen in the bucket may be another by the time it is read.

    Raises:
        UsageError: a pattern is not UTF-8.
    """
    return DownloadPlan(
        xid=new_xid(),
        destination=str(target),
        bucket=artifact.bucket,
        type=artifact.type,
        name=artifact.name,
        alias=artifact.alias,
        digest=artifact.digest if (pinned or artifact.version) and not artifact.is_kept else None,
        include=check_patterns(include, "include"),
        exclude=check_patterns(exclude, "exclude"),
        deep=deep,
    )


def send_download(ws: Workspace, run: Run, artifact: ArtifactInfo, plan: DownloadPlan) -> Ticket[DownloadResult]:
    """Give the download of `artifact` to the service."""
    return run.client.send(
        plan,
        lambda done: _told(artifact, downloaded(run.in_short(), done)),
        lambda error: explained(ws, artifact, error),
    )


def _resolved(ws: Workspace, ref: ArtifactRef, target: Path) -> ArtifactInfo:
    """As ``resolve``; what earlier tries left of an artifact that is gone goes too."""
    try:
        return resolve_readable(ws, ref)
    except NotFound as error:
        ws.plane.forget_download(str(target), ref, error)
        raise


def _preview(ws: Workspace, artifact: ArtifactInfo, plan: DownloadPlan) -> TransferFigures:
    try:
        return ws.plane.preview_download(plan).figures
    except WaBucketError as error:
        raise explained(ws, artifact, error)  # noqa: B904 - it has its cause


def _told(artifact: ArtifactInfo, result: DownloadResult) -> DownloadResult:
    """`result` with what only the tracker knows of an artifact without a manifest."""
    if artifact.version is None or result.artifact.digest is not None:
        return result
    known: dict[str, Any] = {"metadata": artifact.metadata, "created": artifact.created}
    if artifact.is_kept:
        known |= {"uri": artifact.uri, "digest": artifact.digest}
    return replace(result, artifact=replace(result.artifact, **known))
