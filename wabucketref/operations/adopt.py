"""Adopt: uploads of earlier releases get a manifest and a record that can be verified; nothing is copied."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import NotFound, TrackingPending, Unsupported, WaBucketError
from wabucketref.model.artifact import SERVED, ArtifactInfo
from wabucketref.model.jsonvalue import check_metadata
from wabucketref.model.names import check_component
from wabucketref.model.plan import AdoptPlan, RunFacts, TransferFigures
from wabucketref.model.reference import ArtifactRef
from wabucketref.model.result import UploadResult
from wabucketref.model.run import RunKey
from wabucketref.operations.naming import check_metadata_keys
from wabucketref.operations.outcome import settle, uploaded
from wabucketref.operations.resolve import info_of, resolve_files
from wabucketref.operations.workspace import Workspace
from wabucketref.runs.ids import new_xid
from wabucketref.runs.run import Run
from wabucketref.service.ticket import Ticket

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Adopted:
    """All that were adopted at once."""

    items: Sequence[UploadResult]

    def to_dict(self) -> dict[str, Any]:
        return {"items": [item.to_dict() for item in self.items]}


def adopt(ws: Workspace, ref: ArtifactRef, *, dry_run: bool = False) -> UploadResult:
    """Give the upload that `ref` names a manifest, and wait until that is recorded. One that has both stays as it is,
    and no run is made.

    Raises:
        NotFound, UnfinishedUpload: there is no upload of an earlier release.
        Unsupported: the tracker has its files, not a bucket.
        UsageError, Conflict: the tracker would never accept its names.
        UploadInProgress: another writer is at it.
        TransientError, NotAuthorised: the bucket failed; trying again, or ``sync``, goes on.
        TrackingPending: the manifest is there, but not recorded; carries the ``result``.
    """
    artifact = resolve_files(ws, ref)
    header = ws.plane.find(artifact.bucket, artifact.ref)
    if header is not None and artifact.digest == header.digest:
        reused = TransferFigures(bytes_reused=artifact.bytes, files_reused=artifact.files)
        return UploadResult(artifact, None, "recorded" if artifact.version else "disabled", reused, dry_run=dry_run)
    if dry_run:
        return _preview(ws, artifact)
    _check(ws, artifact)
    with ws.session() as run:
        result = ws.wait(run, send_adoption(ws, run, artifact))
    return settle(ws, run, result, f"the adoption of {result.ref}")


def adopt_all(ws: Workspace, type: str, name: str | None = None, *, dry_run: bool = False) -> Adopted:
    """As :func:`adopt`, for all of one type, or of one name, in the bucket, in one run, oldest first as far as the
    tracker knows. One listing of the bucket.

    Raises:
        NotFound: there is nothing of that type or name.
        TrackingPending: carries the ``result``.
    """
    check_component(type, "type")
    if name is not None:
        check_component(name, "name")
    found = [_resolved(ws, ref) for ref in _legacy(ws, type, name)]
    found.sort(key=lambda one: (one.version is None, one.created, str(one.ref)))
    if dry_run:
        return Adopted([_preview(ws, artifact) for artifact in found])
    if not found:
        return Adopted([])
    for artifact in found:
        _check(ws, artifact)
    with ws.session() as run:
        results = [ws.wait(run, send_adoption(ws, run, artifact)) for artifact in found]
    return _settled(ws, run, results)


def send_adoption(ws: Workspace, run: Run, artifact: ArtifactInfo) -> Ticket[UploadResult]:
    """Give the adoption to the service."""
    entity, project = ws.project
    plan = AdoptPlan(
        xid=new_xid(),
        bucket=artifact.bucket,
        type=artifact.type,
        name=artifact.name,
        alias=artifact.alias,
        run=RunFacts(run.id, project, entity),
        created=artifact.created if artifact.created.timestamp() else datetime.now(UTC),
        metadata=check_metadata(dict(artifact.metadata)),
    )
    return run.client.send(plan, lambda done: uploaded(run.in_short(), done))


def _check(ws: Workspace, artifact: ArtifactInfo) -> None:
    """Refuse now what the tracker would never accept."""
    check_metadata_keys(ws, artifact.metadata)
    if not ws.offline:
        entity, project = ws.project
        ws.tracker.check_artifact(RunKey(entity, project, ""), artifact.type, artifact.name, artifact.alias)


def _legacy(ws: Workspace, type: str, name: str | None) -> list[ArtifactRef]:
    survey = ws.plane.survey(ws.bucket, cancel=Cancel())
    found = [*survey.legacy, *(one.ref for one in survey.adopting)]
    wanted = [ref for ref in found if ref.type == type and name in (None, ref.name)]
    if not wanted and not any(ref.type == type and name in (None, ref.name) for ref in survey.uploads):
        raise NotFound(f"{type}/{name or ''} is not in {ws.bucket}", hint="`wabucket ls` shows what is there")
    return wanted


def _resolved(ws: Workspace, ref: ArtifactRef) -> ArtifactInfo:
    """With what the tracker knows of it."""
    try:
        found = ws.tracker.resolve(ref, ws.project, ws.bucket)
    except (NotFound, Unsupported):
        return info_of(ws.bucket, ref, None)
    except WaBucketError as error:
        log.warning("the tracker cannot be asked what it knows of %s: %s", ref, error)
        return info_of(ws.bucket, ref, None)
    same = found.ref == ref and not found.bucket.startswith(SERVED)
    return found if same else info_of(ws.bucket, ref, None)


def _preview(ws: Workspace, artifact: ArtifactInfo) -> UploadResult:
    entries = [one for one in ws.plane.entries(artifact.bucket, artifact.ref, None) if one.type == "file"]
    size = sum(entry.size for entry in entries)
    counted = replace(artifact, files=len(entries), bytes=size)
    figures = TransferFigures(bytes_reused=size, files_reused=len(entries))
    return UploadResult(counted, None, "disabled", figures, dry_run=True)


def _settled(ws: Workspace, run: Run, results: Sequence[UploadResult]) -> Adopted:
    settled, pending = [], None
    for result in results:
        try:
            settled.append(settle(ws, run, result, f"the adoption of {result.ref}"))
        except TrackingPending as error:
            pending = error
            settled.append(replace(result, tracking="pending"))
    if pending is not None:
        pending.result = Adopted(settled)
        raise pending
    return Adopted(settled)
