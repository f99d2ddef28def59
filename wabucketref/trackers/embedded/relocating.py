"""Letting records follow a bucket that was moved to another URL."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from wabucketref.contracts.tracker_buckets import RecordedAt
from wabucketref.errors import Conflict, TransientError
from wabucketref.trackers.embedded import infos
from wabucketref.trackers.embedded.names import LATEST, Place, move_latest
from wabucketref.trackers.embedded.schema import (
    alias,
    artifact_type,
    entity,
    project,
    run_output,
    run_use,
    sequence,
    version,
)


def recorded_in(connection: Connection, bucket: str) -> list[RecordedAt]:
    """The living versions whose files are in `bucket`, of all projects."""
    wanted = infos.with_names(select(version.c.id, entity.c.name, project.c.name).select_from(version))
    wanted = wanted.join(project, project.c.id == artifact_type.c.project_pk)
    rows = connection.execute(
        wanted.join(entity, entity.c.id == project.c.entity_pk)
        .where(version.c.bucket == bucket, infos.LIVING)
        .order_by(version.c.id.desc())
    ).all()
    artifacts = infos.read_artifacts(connection, (version.c.bucket == bucket) & infos.LIVING)
    return [RecordedAt((row[1], row[2]), one) for row, one in zip(rows, artifacts, strict=True)]


def relocate(connection: Connection, old: str, new: str, seen: Sequence[RecordedAt]) -> None:
    """See :meth:`RelocatableTracker.relocate`."""
    if recorded_in(connection, old) != list(seen):
        raise TransientError(f"records of {old} changed while their files were looked for", hint="try again")
    for sequence_pk in connection.scalars(_sequences(old)).all():
        _merge(connection, sequence_pk, old, new)
        _move(connection, sequence_pk, old, new)
        move_latest(connection, Place(sequence_pk, new))


def _sequences(bucket: str) -> Select[Any]:
    return (
        select(sequence.c.id)
        .where(sequence.c.id.in_(select(version.c.sequence_pk).where(version.c.bucket == bucket)))
        .order_by(sequence.c.id)
        .with_for_update()
    )


def _merge(connection: Connection, sequence_pk: int, old: str, new: str) -> None:
    """Versions that were met in the new place already are the ones that were recorded in the old one."""
    known = {row.content: row for row in _versions(connection, sequence_pk, old) if row.content is not None}
    for row in _versions(connection, sequence_pk, new):
        twin = known.get(row.content)
        if twin is not None:
            _replace(connection, row.id, twin.id, twin.producer_pk or row.producer_pk)
    taken = set(connection.scalars(_names(sequence_pk, old))) & set(connection.scalars(_names(sequence_pk, new)))
    if taken:
        raise Conflict(
            f"{', '.join(sorted(taken))} in {new} is recorded for other versions than in {old}",
            hint="`wabucket ls` shows both; `wabucket alias --remove` or `wabucket rm` ends one",
        )


def _versions(connection: Connection, sequence_pk: int, bucket: str) -> Sequence[Row[Any, Any, Any]]:
    columns = (version.c.id, version.c.content, version.c.producer_pk)
    here = (version.c.sequence_pk == sequence_pk) & (version.c.bucket == bucket)
    return connection.execute(select(*columns).where(here)).all()


def _replace(connection: Connection, pk: int, twin: int, producer: int | None) -> None:
    """What refers to the version `pk` refers to its `twin` from now on."""
    for link in (run_use, run_output):
        connection.execute(link.update().where(link.c.version_pk == pk).values(version_pk=twin))
    connection.execute(version.update().where(version.c.replaced_by == pk).values(replaced_by=twin))
    connection.execute(version.update().where(version.c.id == twin).values(producer_pk=producer))
    connection.execute(alias.delete().where(alias.c.version_pk == pk))
    connection.execute(version.delete().where(version.c.id == pk))


def _names(sequence_pk: int, bucket: str) -> Select[Any]:
    here = (alias.c.sequence_pk == sequence_pk) & (alias.c.bucket == bucket) & (alias.c.alias != LATEST)
    return select(alias.c.alias).where(here)


def _move(connection: Connection, sequence_pk: int, old: str, new: str) -> None:
    here = (alias.c.sequence_pk == sequence_pk) & (alias.c.bucket == old)
    connection.execute(alias.delete().where(here, alias.c.alias == LATEST))
    connection.execute(alias.update().where(here).values(bucket=new))
    there = (version.c.sequence_pk == sequence_pk) & (version.c.bucket == old)
    for pk, uri in connection.execute(select(version.c.id, version.c.uri).where(there)).all():
        moved = new + uri.removeprefix(old) if uri.startswith(f"{old}/") else uri
        connection.execute(version.update().where(version.c.id == pk).values(bucket=new, uri=moved))
