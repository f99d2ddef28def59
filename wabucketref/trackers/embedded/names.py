"""Names of the versions of one artifact sequence: aliases that move, and ``latest``.

They are moved under the lock of the sequence, which who calls holds.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, case, select

from wabucketref.trackers.embedded.infos import LIVING
from wabucketref.trackers.embedded.schema import alias, version

LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Place:
    """Where names live: one artifact sequence in one bucket."""

    sequence_pk: int
    bucket: str


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
