"""Writing artifact records: versions, the names that move with them, inputs and outputs of runs.

All of it happens under the lock of one artifact sequence, so that version numbers are dense and names agree.
"""

from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Connection, Table, func, select

from wabucketref.contracts.tracker import AliasHeld
from wabucketref.model.artifact import SERVED, LoggedArtifact, Standing
from wabucketref.model.run import RunKey
from wabucketref.trackers.embedded.names import LATEST, Place, move_latest, named, point
from wabucketref.trackers.embedded.rows import ensure, require_run
from wabucketref.trackers.embedded.schema import alias, artifact_type, run_output, run_use, sequence, version


def log(connection: Connection, key: RunKey, artifact: LoggedArtifact) -> int:
    """Record `artifact` as output of the run; the pk of its version. A replay of the xid changes nothing.

    Raises:
        AliasHeld: another upload has its alias, and its standing does not say that it took its place.
    """
    run_pk, project_pk = require_run(connection, key)
    known = _linked(connection, run_output, run_pk, artifact.xid)
    if known is not None:
        return known
    place, number = _lock(connection, project_pk, artifact)
    pk, standing = _known_content(connection, place, artifact), artifact.standing or Standing()
    if artifact.standing is not None and standing.current:
        _check_holder(connection, place, artifact.alias, pk, standing.holder)
    if pk is not None:
        connection.execute(
            version.update().where(version.c.id == pk, version.c.producer_pk.is_(None)).values(producer_pk=run_pk)
        )
    elif standing.current:
        pk = _add(connection, place, number, artifact, run_pk)
        point(connection, place, LATEST, pk)
    else:
        pk = _add_past(connection, place, number, artifact, run_pk)
    if standing.current and _take_directory(connection, place, artifact.alias, pk):
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
    place, number = _lock(connection, project_pk, artifact)
    pk = (
        _served(connection, place, artifact)
        or _living_content(connection, place, artifact)
        or _removed_content(connection, place, artifact)
    )
    if pk is None:
        pk = _meet(connection, place, number, artifact)
    connection.execute(run_use.insert().values(run_pk=run_pk, xid=xid, version_pk=pk))
    return pk


def meet(connection: Connection, project_pk: int, artifact: LoggedArtifact) -> int:
    """Record an upload that no run here made, unless it is known; the pk of its version.

    Raises:
        AliasHeld: another upload has its alias.
    """
    place, number = _lock(connection, project_pk, artifact)
    known = _living_content(connection, place, artifact)
    if known is not None:
        return known
    _check_holder(connection, place, artifact.alias, None, known="")
    return _meet(connection, place, number, artifact)


def is_known(connection: Connection, project_pk: int, artifact: LoggedArtifact) -> bool:
    """Whether its content is a version of its artifact in its bucket."""
    place, _ = _lock(connection, project_pk, artifact)
    return _living_content(connection, place, artifact) is not None


def was_logged(connection: Connection, key: RunKey, xid: str) -> bool:
    """Whether the operation is recorded as one that made an output of the run."""
    return _linked(connection, run_output, require_run(connection, key)[0], xid) is not None


def remove(connection: Connection, place: Place, pk: int) -> None:
    """Mark a version deleted and take its names away; the caller holds the lock of the sequence."""
    now = datetime.now(UTC)
    connection.execute(version.update().where(version.c.id == pk).values(removed=now, content=None))
    connection.execute(alias.delete().where(alias.c.version_pk == pk))
    move_latest(connection, place)


def _lock(connection: Connection, project_pk: int, artifact: LoggedArtifact) -> tuple[Place, int]:
    """The place of the artifact, made when new and locked until the transaction ends; and the next version number."""
    wanted = (
        select(sequence.c.id, sequence.c.next_number)
        .join(artifact_type, artifact_type.c.id == sequence.c.type_pk)
        .where(
            artifact_type.c.project_pk == project_pk,
            artifact_type.c.name == artifact.type,
            sequence.c.name == artifact.name,
        )
        .with_for_update(key_share=True, of=sequence)
    )
    found = connection.execute(wanted).first()
    if found is None:
        type_pk = ensure(connection, artifact_type, {"project_pk": project_pk, "name": artifact.type})
        ensure(connection, sequence, {"type_pk": type_pk, "name": artifact.name}, next_number=0)
        found = connection.execute(wanted).one()
    return Place(found.id, artifact.bucket), found.next_number


def _check_holder(connection: Connection, place: Place, name: str, pk: int | None, known: str) -> None:
    """Refuse to take the directory `name` for `pk` from any other version than the one that the bucket was asked about.

    Each record of a version adds an output, so that a version which lost its directory and got it back is told apart.
    """
    before = _in_directory(connection, place, name)
    if before is None or before == pk:
        return
    latest = connection.scalar(select(func.max(run_output.c.id)).where(run_output.c.version_pk == before))
    holder = f"{before}.{latest or 0}"
    if holder != known:
        raise AliasHeld(holder)


def _in_directory(connection: Connection, place: Place, name: str) -> int | None:
    """The version that was uploaded under `name` and has its files there, as far as is recorded."""
    holder = named(connection, place, name)
    return holder[0] if holder is not None and holder[1] == name else None


def _linked(connection: Connection, link: Table, run_pk: int, xid: str) -> int | None:
    return connection.scalar(select(link.c.version_pk).where(link.c.run_pk == run_pk, link.c.xid == xid))


def _living_content(connection: Connection, place: Place, artifact: LoggedArtifact) -> int | None:
    return connection.scalar(
        select(version.c.id).where(
            version.c.sequence_pk == place.sequence_pk,
            version.c.bucket == place.bucket,
            version.c.content == _content(artifact),
        )
    )


def _served(connection: Connection, place: Place, artifact: LoggedArtifact) -> int | None:
    """The version that W&B's SDK logged, which is known by its number only."""
    if place.bucket != SERVED:
        return None
    return connection.scalar(
        select(version.c.id).where(
            version.c.sequence_pk == place.sequence_pk,
            version.c.bucket == SERVED,
            version.c.alias == artifact.alias,
        )
    )


def _known_content(connection: Connection, place: Place, artifact: LoggedArtifact) -> int | None:
    """The living version of this content; what an earlier release uploaded is it too, once it is adopted."""
    pk = _living_content(connection, place, artifact)
    if pk is not None or not artifact.adopted:
        return pk
    pk = _living_content(connection, place, replace(artifact, digest=""))
    if pk is not None:
        known = {"digest": artifact.digest, "content": _content(artifact)}
        counted = {"files": artifact.files, "bytes": artifact.bytes}
        connection.execute(version.update().where(version.c.id == pk).values(**known, **counted))
    return pk


def _content(artifact: LoggedArtifact) -> str:
    """Uploads of earlier releases have no digest; there the directory is the identity."""
    return artifact.digest or f"alias:{artifact.alias}"


def _removed_content(connection: Connection, place: Place, artifact: LoggedArtifact) -> int | None:
    """The newest removed version with this content: a use that is told late must not bring it back."""
    return connection.scalar(
        select(version.c.id)
        .where(
            version.c.sequence_pk == place.sequence_pk,
            version.c.bucket == place.bucket,
            version.c.alias == artifact.alias,
            version.c.digest == (artifact.digest or None),
        )
        .order_by(version.c.number.desc())
        .limit(1)
    )


def _add(connection: Connection, place: Place, number: int, artifact: LoggedArtifact, producer_pk: int | None) -> int:
    """Make version `number`, the next of its sequence."""
    connection.execute(sequence.update().where(sequence.c.id == place.sequence_pk).values(next_number=number + 1))
    pk: int = connection.execute(
        version.insert()
        .returning(version.c.id)
        .values(
            sequence_pk=place.sequence_pk,
            number=number,
            bucket=place.bucket,
            digest=artifact.digest or None,
            content=_content(artifact),
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


def _add_past(connection: Connection, place: Place, number: int, artifact: LoggedArtifact, producer_pk: int) -> int:
    """As :func:`_add`, of an upload whose files are not there any more: it has no names."""
    pk = _add(connection, place, number, artifact, producer_pk)
    holder = _in_directory(connection, place, artifact.alias)
    if holder is None:
        remove(connection, place, pk)
    else:
        connection.execute(version.update().where(version.c.id == pk).values(replaced_by=holder))
    return pk


def _meet(connection: Connection, place: Place, number: int, artifact: LoggedArtifact) -> int:
    """Record a version that another catalog made. A directory known to hold another upload keeps its version:
    then this use is told late, after an ``--overwrite``."""
    pk = _add(connection, place, number, artifact, None)
    holder = _in_directory(connection, place, artifact.alias)
    if holder is not None:
        connection.execute(version.update().where(version.c.id == pk).values(replaced_by=holder))
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
