"""Movable names of an upload in the tracker; the directory keeps its first alias."""

from collections.abc import Sequence

from wabucketref.errors import UsageError
from wabucketref.model.artifact import ArtifactInfo
from wabucketref.model.names import check_new_alias
from wabucketref.model.reference import ArtifactRef
from wabucketref.operations.workspace import Workspace


def set_aliases(ws: Workspace, ref: ArtifactRef, names: Sequence[str]) -> ArtifactInfo:
    """Let `names` mean the upload that `ref` names; they move from where they were.

    Raises:
        UsageError: no name, or one that is not allowed.
        NotFound, Conflict: as ``Tracker.set_aliases``.
    """
    if not names:
        raise UsageError("no alias given", hint="wabucket alias TYPE/NAME:ALIAS NEW…")
    return ws.tracker.set_aliases(ref, ws.project, ws.bucket, [check_new_alias(name) for name in names])


def remove_alias(ws: Workspace, ref: ArtifactRef) -> ArtifactInfo:
    """Remove the movable name ``ref.alias``. Raises NotFound, Conflict."""
    return ws.tracker.remove_alias(ref, ws.project, ws.bucket)
