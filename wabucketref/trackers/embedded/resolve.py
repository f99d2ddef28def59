"""From a reference to a version, or to an error that helps."""

from datetime import datetime
from typing import Any, NamedTuple, NoReturn

from sqlalchemy import ColumnElement, Connection, Select, select

from wabucketref.errors import NotFound
from wabucketref.model.names import version_number
from wabucketref.model.nearest import nearest
from wabucketref.model.reference import ArtifactRef
from wabucketref.trackers.embedded.rows import find_project
from wabucketref.trackers.embedded.schema import SERVED, alias, artifact_type, sequence, version

NEAREST_AMONG = 1000
"""Names compared for a hint: comparing is slow, and a hint is not worth a wait."""


class Found(NamedTuple):
    """What a reference led to."""

    id: int
    sequence_pk: int
    bucket: str
    alias: str
    number: int
    digest: str | None
    removed: datetime | None
    replaced_by: int | None


_FACTS = tuple(version.c[name] for name in Found._fields)


def find_version(connection: Connection, ref: ArtifactRef, project: tuple[str, str], bucket: str | None) -> Found:
    """The version that `ref` names: an alias first (``latest`` is one), then a number.

    Raises:
        NotFound: nothing, or a version that was removed or replaced.
    """
    sequence_pk = find_sequence(connection, ref, project)
    found = _by_alias(connection, sequence_pk, ref.alias, bucket)
    number = version_number(ref.alias)
    if found is None and number is not None:
        found = _by_number(connection, sequence_pk, number, bucket)
    if found is None:
        found = _by_lost_alias(connection, sequence_pk, ref.alias, bucket)
    if found is None:
        _not_found(connection, sequence_pk, ref, bucket)
    if found.removed is not None:
        raise NotFound(
            f"{ref}: v{found.number} was removed", hint=f"see `wabucket ls {ref.type}/{ref.name}` for what is left"
        )
    if found.replaced_by is not None:
        _replaced(connection, ref, found)
    return found


def find_sequence(connection: Connection, ref: ArtifactRef, project: tuple[str, str]) -> int:
    """The pk of the artifact sequence.

    Raises:
        NotFound: with the nearest name of the project as a hint.
    """
    project_pk = find_project(connection, project)
    if project_pk is None:
        raise NotFound(
            f"{ref} is not known: nothing was recorded in project {project[0]}/{project[1]} yet",
            hint="check --project-name, --entity and --tracker",
        )
    found: int | None = connection.scalar(
        select(sequence.c.id)
        .join(artifact_type, artifact_type.c.id == sequence.c.type_pk)
        .where(artifact_type.c.project_pk == project_pk, artifact_type.c.name == ref.type, sequence.c.name == ref.name)
    )
    if found is None:
        raise NotFound(f"{ref} is not known", hint=_near_artifact(connection, project_pk, ref))
    return found


def lock_existing(connection: Connection, ref: ArtifactRef, project: tuple[str, str]) -> int:
    """As :func:`find_sequence`, and nobody else changes the sequence until the transaction ends."""
    pk = find_sequence(connection, ref, project)
    if connection.dialect.name != "sqlite":  # there, BEGIN IMMEDIATE is the lock
        connection.execute(select(sequence.c.id).where(sequence.c.id == pk).with_for_update(key_share=True))
    return pk


def _near_artifact(connection: Connection, project_pk: int, ref: ArtifactRef) -> str:
    rows = connection.execute(
        select(artifact_type.c.name, sequence.c.name)
        .join(sequence, sequence.c.type_pk == artifact_type.c.id)
        .where(artifact_type.c.project_pk == project_pk)
        .order_by(sequence.c.id.desc())
        .limit(NEAREST_AMONG)
    )
    near = nearest(f"{ref.type}/{ref.name}", (f"{kind}/{name}" for kind, name in rows))
    return f"did you mean {near}?" if near else "see `wabucket ls`"


def _in_bucket(bucket: str | None) -> tuple[ColumnElement[bool], ...]:
    """What W&B's SDK logged lies in no bucket of ours, and is seen from each."""
    return () if bucket is None else (version.c.bucket.in_((bucket, SERVED)),)


def _by_alias(connection: Connection, sequence_pk: int, name: str, bucket: str | None) -> Found | None:
    return _first(
        connection,
        select(*_FACTS)
        .join(alias, alias.c.version_pk == version.c.id)
        .where(alias.c.sequence_pk == sequence_pk, alias.c.alias == name, *_in_bucket(bucket))
        .order_by(version.c.number.desc())
        .limit(1),
    )


def _by_number(connection: Connection, sequence_pk: int, number: int, bucket: str | None) -> Found | None:
    if number >= 1 << 31:
        return None
    return _first(
        connection,
        select(*_FACTS).where(version.c.sequence_pk == sequence_pk, version.c.number == number, *_in_bucket(bucket)),
    )


def _by_lost_alias(connection: Connection, sequence_pk: int, name: str, bucket: str | None) -> Found | None:
    """The newest version that was uploaded under `name`, which names nothing any more."""
    return _first(
        connection,
        select(*_FACTS)
        .where(version.c.sequence_pk == sequence_pk, version.c.alias == name, *_in_bucket(bucket))
        .order_by(version.c.number.desc())
        .limit(1),
    )


def _first(connection: Connection, statement: Select[Any]) -> Found | None:
    row = connection.execute(statement).first()
    return None if row is None else Found(*row)


def _not_found(connection: Connection, sequence_pk: int, ref: ArtifactRef, bucket: str | None) -> NoReturn:
    rows = connection.scalars(
        select(alias.c.alias)
        .where(alias.c.sequence_pk == sequence_pk, *(() if bucket is None else (alias.c.bucket == bucket,)))
        .order_by(alias.c.version_pk.desc())
        .limit(NEAREST_AMONG)
    )
    near = nearest(ref.alias, rows)
    where = f" in {bucket}" if bucket is not None else ""
    raise NotFound(
        f"{ref} is not known{where}",
        hint=f"did you mean {ref.type}/{ref.name}:{near}?" if near else f"see `wabucket ls {ref.type}/{ref.name}`",
    )


def _replaced(connection: Connection, ref: ArtifactRef, found: Found) -> NoReturn:
    newer = connection.scalar(select(version.c.number).where(version.c.id == found.replaced_by))
    raise NotFound(
        f"{ref}: v{found.number} was replaced by v{newer}, uploaded over {found.alias!r}",
        hint=f"use {ref.type}/{ref.name}:v{newer}",
    )
