"""Filling a catalog with what a bucket tells of its uploads."""

import uuid
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, select

from wabucketref.contracts.tracker import AliasHeld
from wabucketref.contracts.tracker_buckets import Added, FoundUpload
from wabucketref.model.run import RunKey, RunState, RunUpdate
from wabucketref.trackers.embedded import artifacts, runs
from wabucketref.trackers.embedded.rows import ensure_project
from wabucketref.trackers.embedded.schema import run


def add(connection: Connection, uploads: Sequence[FoundUpload]) -> list[Added | AliasHeld]:
    """See :meth:`RebuildableTracker.add_found`."""
    return [_add(connection, upload) for upload in uploads]


def _add(connection: Connection, upload: FoundUpload) -> Added | AliasHeld:
    try:
        with connection.begin_nested():
            project_pk = ensure_project(connection, upload.project)
            fresh = not artifacts.is_known(connection, project_pk, upload.artifact)
            if upload.run is None:
                artifacts.meet(connection, project_pk, upload.artifact)
                return Added(fresh, run=False)
            new = _add_run(connection, project_pk, upload.run, upload)
            artifact = upload.artifact
            if fresh and artifacts.was_logged(connection, upload.run, artifact.xid):
                # It was removed since, and is in the bucket again: that is another record of it.
                artifact = replace(artifact, xid=f"{artifact.xid}-{uuid.uuid4()}")
            artifacts.log(connection, upload.run, artifact)
            return Added(fresh, new)
    except AliasHeld as held:
        return held


def _add_run(connection: Connection, project_pk: int, key: RunKey, upload: FoundUpload) -> bool:
    """Have the run; True when it was not known. One that is known stays as it is."""
    here = (run.c.project_pk == project_pk) & (run.c.run_id == key.run_id)
    if connection.scalar(select(run.c.id).where(here)) is not None:
        return False
    notes = f"known from the manifests in {upload.artifact.bucket} alone"
    runs.upsert(connection, RunUpdate(key, notes=notes, created=upload.artifact.created))
    if not upload.under_way:
        ended = {"state": str(RunState.FINISHED), "exit_code": 0, "finished": upload.committed}
        connection.execute(run.update().where(here).values(**ended))
    return True
