"""From what the service publishes to what operations return."""

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from wabucketref.errors import TrackingPending
from wabucketref.model.artifact import ArtifactInfo
from wabucketref.model.result import DownloadResult, RunSummary, Tracking, UploadResult
from wabucketref.operations.workspace import Workspace
from wabucketref.runs.run import Run
from wabucketref.service import convert
from wabucketref.service.wabucket_pb2 import Artifact, ArtifactDone

R = TypeVar("R", UploadResult, DownloadResult)


def finished(done: ArtifactDone) -> UploadResult | DownloadResult:
    """The result of an operation whose run is not at hand."""
    return uploaded(None, done) if done.HasField("committed") else downloaded(None, done)


def uploaded(run: RunSummary | None, done: ArtifactDone) -> UploadResult:
    """The result of an upload or link."""
    return UploadResult(
        artifact=_info(done.committed.artifact, done),
        run=run,
        tracking=_tracking(done),
        transfer=convert.figures_from_message(done.committed.figures),
    )


def downloaded(run: RunSummary | None, done: ArtifactDone) -> DownloadResult:
    """The result of a download."""
    return DownloadResult(
        artifact=_info(done.fetched.artifact, done),
        run=run,
        tracking=_tracking(done),
        transfer=convert.figures_from_message(done.fetched.figures),
        path=Path(done.fetched.path),
        verified=done.fetched.verified,
    )


def settle(ws: Workspace, run: Run, result: R, what: str) -> R:
    """The result with what is known of its recording after the run ended.

    Raises:
        TrackingPending: the tracker should have been reached and was not; carries the ``result``.
    """
    if run.tracking is not None:
        result = replace(result, tracking=run.tracking)
    if result.tracking == "pending" and not ws.offline:
        error = TrackingPending(
            f"{what} is done, but not recorded: the tracker {ws.tracker.name} is out of reach",
            hint="run `wabucket sync` when it can be reached",
        )
        error.result = result
        raise error
    return result


def _info(artifact: Artifact, done: ArtifactDone) -> ArtifactInfo:
    return ArtifactInfo(
        type=artifact.type,
        name=artifact.name,
        alias=artifact.alias,
        version=done.version or None,
        uri=artifact.uri,
        bucket=artifact.bucket,
        digest=artifact.digest or None,
        files=artifact.files,
        bytes=artifact.bytes,
        created=convert.moment(artifact.created),
        metadata=convert.from_json(artifact.metadata_json),
        aliases=tuple(done.aliases) or (artifact.alias,),
        linked=artifact.linked,
    )


def _tracking(done: ArtifactDone) -> Tracking:
    return "recorded" if done.tracking == "recorded" else "disabled" if done.tracking == "disabled" else "pending"
