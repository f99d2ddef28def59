"""Writing artifact records: versions, the names that move with them, inputs and outputs of runs.

All of it happens under the lock of one artifact sequence, so that version numbers are dense and names agree.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Table, case, select

from wabucketref.model.artifact import LoggedArtifact
from wabucketref.model.run import RunKey
from wabucketref.trackers.embedded.infos import LIVING
from wabucketref.trackers.embedded.rows import ensure, require_run
from wabucketref.trackers.embedded.schema import alias, artifact_type, run_output, run_use, sequence, version

LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Place:
    """Where names live: one artifact sequence in one bucket."""

    sequence_pk: int
    bucket: str


def log(connection: Connection, key: RunKey, artifact: LoggedArtifact) -> int:
    """Record `artifact` as output of the run; the pk of its version. A replay of the xid changes nothing."""
    run_pk, project_pk = require_run(connection, key)
    known = _linked(connection, run_output, run_pk, artifact.xid)
    if known is not None:
        return known
    place = Place(lock_sequence(connection, project_pk, artifact.type, artifact.name), artifact.bucket)
    pk = _living_content(connection, place, artifact)
    if pk is None:
        pk = _add(connection, place, artifact, run_pk)
        point(connection, place, LATEST, pk)
    else:
        connection.execute(
            version.update().where(version.c.id == pk, version.c.producer_pk.is_(None)).values(producer_pk=run_pk)
        )
    if _take_directory(connection, place, artifact.alias, pk):
        move_latest(connection, place)
    connection.execute(run_output.insert().values(run_pk=run_pk, xid=artifact.xid, version_pk=pk))
    return pk


def use(connection: Connection, key: RunKey, xid: str, artifact: LoggedArtifact) -> int:
    """Record `artifact` as input of the run; the pk of its version.

    One that this catalog does not know becomes a version without a producer. Reading moves no existing ``latest``.
    """
    run_pk, project_pk = require_run(connection, key)
    known = _linked(connection, run_use, run_pk, xid)
    if known is not None:
        return known
    place = Place(lock_sequence(connection, project_pk, artifact.type, artifact.name), artifact.bucket)
    pk = _living_content(connection, place, artifact) or _removed_content(connection, place, artifact)
    if pk is None:
        pk = _meet(connection, place, artifact)
    connection.execute(run_use.insert().values(run_pk=run_pk, xid=xid, version_pk=pk))
    return pk


def remove(connection: Connection, place: Place, pk: int) -> None:
    """Mark a version deleted and take its names away; the caller holds the lock of the sequence."""
    now = datetime.now(UTC)
    connection.execute(version.update().where(version.c.id == pk).values(removed=now))
    connection.execute(alias.delete().where(alias.c.version_pk == pk))
    move_latest(connection, place)


def lock_sequence(connection: Connection, project_pk: int, kind: str, name: str) -> int:
    """The pk of the sequence, made when new, locked until the transaction ends."""
    type_pk = ensure(connection, artifact_type, {"project_pk": project_pk, "name": kind})
    pk = ensure(connection, sequence, {"type_pk": type_pk, "name": name}, next_number=0)
    if connection.dialect.name != "sqlite":  # there, BEGIN IMMEDIATE is the lock
        connection.execute(select(sequence.c.id).where(sequence.c.id == pk).with_for_update())
    return pk


def point(connection: Connection, place: Place, name: str, pk: int) -> None:
    """Make `name` name the version `pk`, wherever it pointed before."""
    changed = connection.execute(
        alias.update()
        .where(alias.c.sequence_pk == place.sequence_pk, alias.c.alias == name, alias.c.bucket == place.bucket)
        .values(version_pk=pk)
    )
    if changed.rowcount == 0:
        connection.execute(
            alias.insert().values(sequence_pk=place.sequence_pk, alias=name, bucket=place.bucket, version_pk=pk)
        )


def move_latest(connection: Connection, place: Place) -> None:
    """Point ``latest`` at the newest version left; one that a run here made goes before one merely met."""
    met = case((version.c.producer_pk.is_(None), 1), else_=0)
    newest = connection.scalar(
        select(version.c.id)
        .where(version.c.sequence_pk == place.sequence_pk, version.c.bucket == place.bucket, LIVING)
        .order_by(met, version.c.number.desc())
        .limit(1)
    )
    if newest is not None:
        point(connection, place, LATEST, newest)
        return
    connection.execute(
        alias.delete().where(
            alias.c.sequence_pk == place.sequence_pk, alias.c.alias == LATEST, alias.c.bucket == place.bucket
        )
    )


def named(connection: Connection, place: Place, name: str) -> tuple[int, str] | None:
    """The version that `name` names now, and that version's first alias."""
    found = connection.execute(
        select(version.c.id, version.c.alias)
        .join(alias, alias.c.version_pk == version.c.id)
        .where(alias.c.sequence_pk == place.sequence_pk, alias.c.alias == name, alias.c.bucket == place.bucket)
    ).first()
    return None if found is None else (found.id, found.alias)


def _linked(connection: Connection, link: Table, run_pk: int, xid: str) -> int | None:
    return connection.scalar(select(link.c.version_pk).where(link.c.run_pk == run_pk, link.c.xid == xid))


def _living_content(connection: Connection, place: Place, artifact: LoggedArtifact) -> int | None:
    """The version with this content. Old uploads have no digest; there the directory is the identity."""
    same = version.c.digest == artifact.digest
    if not artifact.digest:
        same = version.c.digest.is_(None) & (version.c.alias == artifact.alias)
    return connection.scalar(
        select(version.c.id).where(
            version.c.sequence_pk == place.sequence_pk,
            version.c.bucket == place.bucket,
            version.c.removed.is_(None),
            same,
        )
    )


def _removed_content(connection: Connection, place: Place, artifact: LoggedArtifact) -> int | None:
    """The newest removed version with this content: a use that is told late must not bring it back."""
    return connection.scalar(
        select(version.c.id)
        .where(
            version.c.sequence_pk == place.sequence_pk,
            version.c.bucket == place.bucket,
            version.c.digest == artifact.digest,
        )
        .order_by(version.c.number.desc())
        .limit(1)
    )


def _add(connection: Connection, place: Place, artifact: LoggedArtifact, producer_pk: int | None) -> int:
    """The next version of the sequence."""
    at_sequence = sequence.c.id == place.sequence_pk
    number = connection.scalars(select(sequence.c.next_number).where(at_sequence)).one()
    connection.execute(sequence.update().where(at_sequence).values(next_number=number + 1))
    pk: int = connection.execute(
        version.insert()
        .returning(version.c.id)
        .values(
            sequence_pk=place.sequence_pk,
            number=number,
            bucket=place.bucket,
            digest=artifact.digest or None,
            uri=artifact.uri,
            alias=artifact.alias,
            files=artifact.files,
            bytes=artifact.bytes,
            metadata=dict(artifact.metadata),
            created=artifact.created,
            linked=artifact.linked,
            producer_pk=producer_pk,
        )
    ).scalar_one()
    return pk


def _meet(connection: Connection, place: Place, artifact: LoggedArtifact) -> int:
    """Record a version that another catalog made. A directory known to hold another upload keeps its version:
    then this use is told late, after an ``--overwrite``."""
    pk = _add(connection, place, artifact, None)
    holder = named(connection, place, artifact.alias)
    if holder is not None and holder[1] == artifact.alias:
        connection.execute(version.update().where(version.c.id == pk).values(replaced_by=holder[0]))
    else:
        point(connection, place, artifact.alias, pk)
        move_latest(connection, place)
    return pk


def _take_directory(connection: Connection, place: Place, name: str, pk: int) -> bool:
    """Give the version its first alias. True when that changed which versions have their files.

    Another version that was uploaded under the same alias has lost its directory to this one (``--overwrite``).
    """
    before = named(connection, place, name)
    if before is not None and before[0] == pk:
        return False
    point(connection, place, name, pk)
    if before is None or before[1] != name:
        return False
    connection.execute(version.update().where(version.c.id == before[0]).values(replaced_by=pk))
    connection.execute(version.update().where(version.c.id == pk).values(replaced_by=None))
    return True
