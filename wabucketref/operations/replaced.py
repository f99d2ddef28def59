"""When the bucket has another upload than the tracker recorded: one that is about to be recorded, or a quarrel.

An ``--overwrite`` shows in the bucket before the tracker knows of it: for a moment, or until ``sync`` when its process
was killed or had no tracker. Nothing that a bucket says of itself proves that, since whoever can write there can write
any header: so this asks what is not in the bucket. See ``docs/decisions/0009``.
"""

from wabucketref.errors import NotAsRecorded, NotFound, ReplacedWhileReading, WaBucketError
from wabucketref.model.artifact import ArtifactInfo
from wabucketref.model.manifest import Header
from wabucketref.model.run import RunKey, RunState
from wabucketref.operations.journals import is_owned, journals
from wabucketref.operations.workspace import Workspace
from wabucketref.service.journal import Journal
from wabucketref.service.recovery import unrecorded_write

_AGAIN = "try again"
_WAIT = "wait until the run {run} has recorded it, then try again"
_SYNC = "run `wabucket sync` to record it, then try again"


def explained(ws: Workspace, artifact: ArtifactInfo, error: WaBucketError) -> WaBucketError:
    """What to raise for `error`, met while reading `artifact` as the tracker resolved it."""
    if not isinstance(error, NotAsRecorded) or artifact.version is None:
        return error
    try:
        hint = _replaced(ws, artifact)
    except WaBucketError as unknown:
        unknown.__cause__ = error
        return unknown
    if hint is None:
        return error
    replaced = ReplacedWhileReading(f"{artifact.ref} was replaced while it was read", hint=hint)
    replaced.__cause__ = error
    return replaced


def _replaced(ws: Workspace, artifact: ArtifactInfo) -> str | None:
    """What to do about an upload that has taken the place of `artifact` and is recorded or about to be; None: there is
    no such upload.

    The order counts: a write leaves its journal, and its run ends, only when it is recorded; so who finds neither and
    asks the tracker after that hears of it, if it ever was one.
    """
    header = _header(ws, artifact)
    if header is None or header.digest == artifact.digest:
        return _AGAIN
    waiting = _waits_here(ws, header) or _is_under_way(ws, header)
    if _recorded_digest(ws, artifact) != artifact.digest:
        return _AGAIN
    if waiting is not None:
        return waiting
    again = _header(ws, artifact)
    return None if again is not None and again.write_id == header.write_id else _AGAIN


def _header(ws: Workspace, artifact: ArtifactInfo) -> Header | None:
    try:
        return ws.plane.find(artifact.bucket, artifact.ref)
    except NotFound:
        return None


def _recorded_digest(ws: Workspace, artifact: ArtifactInfo) -> str | None:
    try:
        return ws.tracker.resolve(artifact.ref, ws.project, artifact.bucket).digest
    except NotFound:
        return None


def _waits_here(ws: Workspace, header: Header) -> str | None:
    """What to do when a journal of this home has the write, with this very content, and has not recorded it."""
    for path in journals(ws.settings):
        try:
            with Journal.look(path) as journal:
                found = unrecorded_write(journal, header.write_id)
            if found is not None and found in ("", header.digest):
                return _WAIT.format(run=path.stem) if is_owned(path) else _SYNC
        except (OSError, WaBucketError):
            continue  # recorded meanwhile, or not to be read
    return None


def _is_under_way(ws: Workspace, header: Header) -> str | None:
    """What to do when the tracker knows the run that the header names, and that it has not ended."""
    run, entity, project = (header.run.get(key) for key in ("id", "entity", "project"))
    if not (isinstance(run, str) and isinstance(entity, str) and isinstance(project, str)):
        return None
    try:
        found = ws.tracker.get_run(RunKey(entity, project, run))
    except WaBucketError:
        return None
    hint = f"wait until the run {run} has recorded it, or run `wabucket sync` where it was killed; then try again"
    return hint if found.state == RunState.RUNNING else None
