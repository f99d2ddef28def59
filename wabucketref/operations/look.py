"""Looking: what there is, what is in it, where it came from and where it went."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from wabucketref.errors import NotFound, UsageError
from wabucketref.model.artifact import ArtifactInfo
from wabucketref.model.manifest import Entry
from wabucketref.model.names import check_component
from wabucketref.model.reference import ArtifactRef
from wabucketref.model.run import Lineage, RunFilter, RunInfo, RunKey
from wabucketref.operations.resolve import kept_in, resolve, resolve_readable
from wabucketref.operations.workspace import Workspace
from wabucketref.store.format.entries import EntryList

_COMMIT = re.compile(r"[0-9a-fA-F]{4,64}")


@dataclass(frozen=True)
class Shown:
    """One artifact, with its files when asked for."""

    artifact: ArtifactInfo
    files: Sequence[Entry] | None


def list_artifacts(ws: Workspace, type: str | None = None, name: str | None = None) -> Sequence[ArtifactInfo]:
    """All versions, newest first, of the project, a type, or one artifact.

    Raises:
        NotFound: a type or name was given and has no version.
    """
    for value, field in ((type, "type"), (name, "name")):
        if value is not None:
            check_component(value, field)
    found = ws.tracker.list_artifacts(ws.project, type, name)
    if not found and type is not None:
        wanted = f"{type}/{name}" if name else type
        raise NotFound(f"project {ws.project[1]!r} has no artifact of {wanted}", hint="see `wabucket ls`")
    return found


def show(ws: Workspace, ref: ArtifactRef, files: bool = False) -> Shown:
    """One artifact; with `files` also what its manifest lists (empty directories included).

    Raises:
        NotFound, UnfinishedUpload, IntegrityError: as ``resolve``, and for a damaged manifest.
    """
    artifact = resolve_readable(ws, ref) if files else resolve(ws, ref)
    if not files:
        return Shown(artifact, None)
    kept = kept_in(ws, artifact)
    if kept is not None:
        return Shown(artifact, ws.plane.kept.entries(artifact.ref, kept))
    header = ws.plane.find(artifact.bucket, artifact.ref)
    return Shown(artifact, EntryList(ws.plane.entries(artifact.bucket, artifact.ref, header)))


def lineage(ws: Workspace, ref: ArtifactRef) -> Lineage:
    """What made the artifact and what used it."""
    return ws.tracker.lineage(ref, ws.project, ws.bucket)


def list_runs(
    ws: Workspace, *, job_id: str | None = None, tags: Sequence[str] = (), commit: str | None = None
) -> Sequence[RunInfo]:
    """The runs of the project, newest first: all, or those of a job, with all of `tags`, of a commit.

    `commit` may be abbreviated to four digits.

    Raises:
        UsageError: what is given for the commit is none.
    """
    if commit is not None and not _COMMIT.fullmatch(commit):
        raise UsageError(f"{commit[:80]!r} is no commit", hint="give 4 to 64 hexadecimal digits of its name")
    wanted = RunFilter(job_id, tuple(tags), commit.lower() if commit else None)
    return ws.tracker.list_runs(ws.project, wanted)


def get_run(ws: Workspace, run_id: str) -> RunInfo:
    """One run. Raises NotFound."""
    entity, project = ws.project
    return ws.tracker.get_run(RunKey(entity, project, run_id))
