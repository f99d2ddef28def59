"""Remove: an upload goes from the bucket, header first, then from what the tracker resolves."""

from wabucketref.errors import NotFound, UnfinishedUpload
from wabucketref.model.artifact import ArtifactInfo
from wabucketref.model.reference import ArtifactRef
from wabucketref.operations.resolve import info_of, resolve_files
from wabucketref.operations.workspace import Workspace


def remove(ws: Workspace, ref: ArtifactRef) -> ArtifactInfo:
    """Remove the upload that `ref` names, also one that nobody finished; files of a linked artifact stay.

    Running it again after a crash goes on.

    Raises:
        NotFound: neither the tracker nor the bucket knows it.
        Conflict: a live writer is at it.
    """
    try:
        artifact = resolve_files(ws, ref, strict=True)
    except UnfinishedUpload:
        artifact = info_of(ws.bucket, ref, None)
    try:
        ws.plane.remove(artifact.bucket, artifact.ref)
    except NotFound:
        if artifact.version is None:
            raise
    if artifact.version is not None:
        ws.tracker.remove_artifact(artifact.ref, ws.project, artifact.bucket)
    return artifact
