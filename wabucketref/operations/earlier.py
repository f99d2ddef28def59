"""Which earlier uploads of an artifact may have files that need not be sent again."""

from contextlib import suppress

from wabucketref.errors import NotFound, WaBucketError
from wabucketref.model.names import version_number
from wabucketref.model.reference import ArtifactRef
from wabucketref.operations.workspace import Workspace

_MOST = 3


def earlier_uploads(ws: Workspace, type: str, name: str) -> tuple[str, ...] | None:
    """Their aliases, the newest first, as the tracker knows them: a few quick questions.

    None where the bucket is better asked: nobody keeps records, or the tracker is a server far away.
    """
    able = ws.tracker.capabilities
    if not able.queries or able.references:
        return None
    try:
        return _in_tracker(ws, type, name)
    except WaBucketError:
        return None


def _in_tracker(ws: Workspace, type: str, name: str) -> tuple[str, ...]:
    try:
        newest = ws.tracker.resolve(ArtifactRef(type, name, "latest"), ws.project, ws.bucket)
    except NotFound:
        return ()
    found, number = [newest], version_number(newest.version or "") or 0
    for older in range(number - 1, max(number - _MOST, -1), -1):
        with suppress(NotFound):  # it was removed
            found.append(ws.tracker.resolve(ArtifactRef(type, name, f"v{older}"), ws.project, ws.bucket))
    return tuple(dict.fromkeys(artifact.alias for artifact in found if artifact.bucket == ws.bucket))
