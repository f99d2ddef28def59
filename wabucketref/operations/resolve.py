"""From a reference to the directory it names: the tracker first, then the bucket at the alias's own path."""

import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from wabucketref.errors import NotAsRecorded, NotFound, TransientError, UnfinishedUpload, Unsupported, WaBucketError
from wabucketref.failpoints import hit
from wabucketref.model.artifact import SERVED, ArtifactInfo
from wabucketref.model.manifest import Header
from wabucketref.model.plan import KeptIn
from wabucketref.model.reference import ArtifactRef
from wabucketref.operations.workspace import Workspace

log = logging.getLogger(__name__)

_OUT_OF_REACH: Final = (WaBucketError.exit_code, TransientError.exit_code)
"""A damaged catalog, a passing failure; anything else is a reason not to go on."""


def resolve(ws: Workspace, ref: ArtifactRef, *, strict: bool = False) -> ArtifactInfo:
    """The artifact that `ref` names, in the workspace's bucket. `strict`: a tracker out of reach is an error.

    Raises:
        NotFound: neither the tracker nor the bucket knows it; the tracker's explanation is kept.
        UnfinishedUpload: an upload of it has not been committed.
        NotAsRecorded: the reference is pinned to another digest.
    """
    try:
        found = ws.tracker.resolve(ref, ws.project, ws.bucket)
    except (NotFound, Unsupported) as unknown:
        found = _in_bucket(ws, ref, unknown)
    except WaBucketError as unreachable:
        if strict or unreachable.exit_code not in _OUT_OF_REACH:
            raise
        log.warning("the tracker cannot be asked, looking in the bucket: %s", unreachable)
        found = _in_bucket(ws, ref, unreachable)
    hit("artifact.resolved")
    if ref.digest is not None and found.digest != ref.digest:
        raise NotAsRecorded(
            f"{ref} has the digest {found.digest}, not {ref.digest}", hint="the reference was pinned to other content"
        )
    return found


def resolve_files(ws: Workspace, ref: ArtifactRef, *, strict: bool = False) -> ArtifactInfo:
    """As :func:`resolve`, of an artifact whose files lie in a bucket.

    Raises:
        Unsupported: W&B's SDK logged it to ``wabucket serve`` or another server, which has the files.
    """
    found = resolve(ws, ref, strict=strict)
    if found.is_kept:
        raise _kept_elsewhere(ref, found)
    return found


def resolve_readable(ws: Workspace, ref: ArtifactRef) -> ArtifactInfo:
    """As :func:`resolve`, of an artifact whose files can be read: in a bucket, or where another program logged them.

    Raises:
        Unsupported: the tracker does not give them out.
    """
    found = resolve(ws, ref)
    if found.is_kept and not ws.tracker.capabilities.keeps_files:
        raise _kept_elsewhere(ref, found)
    return found


def kept_in(ws: Workspace, artifact: ArtifactInfo, *, follow: bool = False) -> KeptIn | None:
    """Where the files of `artifact` are when another program logged it. References are followed into the bucket that is
    set; where none is, into the one in which all of them lie."""
    if not artifact.is_kept:
        return None
    return KeptIn(*ws.project, ws.bucket if ws.settings.bucket is not None else "", follow)


def _kept_elsewhere(ref: ArtifactRef, found: ArtifactInfo) -> Unsupported:
    keeper = "`wabucket serve`" if found.bucket == SERVED else "the W&B server"
    return Unsupported(
        f"the files of {ref} were logged with W&B's SDK: {keeper} has them, and no bucket of yours",
        hint=f"in a script with WANDB_BASE_URL: wandb.Api().artifact('{ref.name}:{ref.alias}').download()",
    )


def _in_bucket(ws: Workspace, ref: ArtifactRef, tracker_says: WaBucketError) -> ArtifactInfo:
    """What lies at the alias's own path. A name that only a tracker can resolve keeps the tracker's error."""
    try:
        header = ws.plane.find(ws.bucket, ref)
    except UnfinishedUpload:
        raise
    except NotFound:
        if isinstance(tracker_says, Unsupported):
            raise
        raise tracker_says from None
    return info_of(ws.bucket, ref, header)


def info_of(bucket: str, ref: ArtifactRef, header: Header | None) -> ArtifactInfo:
    """What the bucket alone says of an upload. `header` None: it has none, or none that can be read."""
    found = ArtifactInfo(
        type=ref.type,
        name=ref.name,
        alias=ref.alias,
        version=None,
        uri=f"{bucket}/{ref.directory}",
        bucket=bucket,
        digest=None,
        files=0,
        bytes=0,
        created=datetime.fromtimestamp(0, UTC),
        aliases=(ref.alias,),
    )
    if header is None:
        return found
    return replace(
        found,
        digest=header.digest,
        files=header.files,
        bytes=header.bytes,
        created=datetime.fromisoformat(header.created),
        metadata=dict(header.metadata),
        linked=header.base is not None,
    )
