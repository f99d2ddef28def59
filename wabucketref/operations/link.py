"""Link: files that already lie in the bucket become an artifact; nothing is copied."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from wabucketref.errors import LinkSourceNotFound, UsageError
from wabucketref.model.names import path_problem
from wabucketref.model.plan import LinkPlan, RunFacts
from wabucketref.model.redact import public_place, public_url
from wabucketref.model.result import UploadResult
from wabucketref.operations.handover import hand_over
from wabucketref.operations.naming import NewArtifact, new_artifact
from wabucketref.operations.outcome import settle, uploaded
from wabucketref.operations.workspace import Workspace
from wabucketref.runs.ids import new_xid
from wabucketref.runs.run import Run
from wabucketref.service.ticket import Ticket


def link(
    ws: Workspace,
    bucket_path: str,
    name: str,
    type: str,
    alias: str | None = None,
    *,
    metadata: Mapping[str, Any] | None = None,
    suffix: str | None = None,
) -> UploadResult:
    """Record the directory `bucket_path` (relative to the bucket, or its full URL) as an artifact, and wait.

    Raises:
        LinkSourceNotFound: it does not exist or is not a directory (also a ``ValueError``).
        UsageError: it lies outside the bucket.
        Conflict, TransientError, NotAuthorised, TrackingPending: as ``upload``.
    """
    artifact = new_artifact(ws, name, type, alias, metadata, suffix)
    base = relative_base(ws.bucket, bucket_path)
    ws.plane.check_link_source(ws.bucket, base)
    with ws.session() as run:
        result = ws.wait(run, send_link(ws, run, artifact, base))
    result = settle(ws, run, result, f"the link of {result.ref}")
    hand_over(ws, result, artifact.suffix)
    return result


def send_link(ws: Workspace, run: Run, artifact: NewArtifact, base: str) -> Ticket[UploadResult]:
    """Give the link to the service."""
    entity, project = ws.project
    plan = LinkPlan(
        xid=new_xid(),
        base=base,
        bucket=ws.bucket,
        type=artifact.type,
        name=artifact.name,
        alias=artifact.alias,
        run=RunFacts(run.id, project, entity),
        created=datetime.now(UTC),
        metadata=artifact.metadata,
    )
    return run.client.send(plan, lambda done: uploaded(run.in_short(), done))


def relative_base(bucket: str, bucket_path: str) -> str:
    """`bucket_path` relative to the bucket.

    Raises:
        UsageError: a URL outside the bucket, or a path that leaves it.
        LinkSourceNotFound: the path is empty.
    """
    path = bucket_path
    if urlsplit(bucket_path).scheme and "://" in bucket_path:
        url = public_url(bucket_path)
        if not url.startswith(f"{bucket}/"):
            raise UsageError(f"{url} lies outside the bucket {bucket}", hint="link needs a path inside the bucket")
        path = url[len(bucket) + 1 :]
    path = path.strip("/")
    if not path:
        raise LinkSourceNotFound(
            f"{public_place(bucket_path)!r} does not exist or not a directory", hint="name a directory"
        )
    problem = path_problem(path)
    if problem is not None:
        raise UsageError(f"the path {public_place(bucket_path)!r} {problem}", hint="give a path inside the bucket")
    return path
