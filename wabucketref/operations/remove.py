"""Remove: an upload goes from the bucket, header first, then from what the tracker resolves."""

from collections.abc import Callable
from dataclasses import replace

from wabucketref.errors import IntegrityError, NotFound, UnfinishedUpload
from wabucketref.model.artifact import ArtifactInfo
from wabucketref.model.manifest import Header
from wabucketref.model.reference import ArtifactRef
from wabucketref.operations.resolve import info_of, resolve
from wabucketref.operations.workspace import Workspace


def remove(ws: Workspace, ref: ArtifactRef) -> ArtifactInfo:
    """Remove the upload that `ref` names, also one that nobody finished or whose manifest is damaged; files of a linked
    artifact stay.

    Running it again after a crash goes on.

    Raises:
        NotFound: neither the tracker nor the bucket knows it.
        Conflict: a live writer is at it.
    """
    try:
        artifact = resolve(ws, ref, strict=True)
    except (UnfinishedUpload, IntegrityError):
        artifact = info_of(ws.bucket, ref, None)

    if artifact.is_kept:
        ws.tracker.remove_artifact(artifact.ref, ws.project, artifact.bucket)
    else:
        remove_upload(ws, artifact)
    return artifact


def remove_upload(
    ws: Workspace, artifact: ArtifactInfo, sure: Callable[[Header | None], None] = lambda header: None
) -> None:
    """Remove what was resolved; see :meth:`DataPlane.remove` for `sure`. Raises as :func:`remove`."""

    def told(header: Header | None) -> None:
        """Each by its digest: another upload that the tracker has at the alias by now is none of ours."""
        digests = {artifact.digest} if artifact.version is not None else set()
        for digest in digests | ({header.digest} if header is not None else set()):
            ws.tracker.remove_artifact(replace(artifact.ref, digest=digest), ws.project, artifact.bucket)

    try:
        ws.plane.remove(artifact.bucket, artifact.ref, told=told, sure=sure)
    except NotFound:
        if artifact.version is None:
            raise
        told(None)
