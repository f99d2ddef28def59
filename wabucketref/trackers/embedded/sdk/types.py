"""Types of artifacts in a project."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from wabucketref.trackers.embedded.infos import LIVING
from wabucketref.trackers.embedded.schema import artifact_type, sequence, version
from wabucketref.trackers.embedded.sdk import paging
from wabucketref.trackers.embedded.sdk.tables import collection_detail


def named(connection: Connection, project_pk: int, name: str) -> int | None:
    """The pk of the type of that name."""
    return connection.scalar(
        select(artifact_type.c.id).where(artifact_type.c.project_pk == project_pk, artifact_type.c.name == name)
    )


def page(connection: Connection, project_pk: int, after: str | None, first: int | None) -> paging.Page[tuple[int, str]]:
    """(pk, name) of the types that something in the project has, by name."""
    wanted = select(artifact_type.c.id, artifact_type.c.name).where(artifact_type.c.project_pk == project_pk, _used())
    rows = paging.cut(connection, wanted, paging.Order(artifact_type.c.name, artifact_type.c.id), after, first)
    return paging.Page([(row.id, row.name) for row in rows.items], rows.cursors, rows.more, rows.total)


def created(connection: Connection, pk: int) -> datetime:
    """When the first thing of the type was made."""
    mine = sequence.c.type_pk == pk
    moments: list[Any] = [
        connection.scalar(
            select(func.min(column)).select_from(table.join(sequence, table.c.sequence_pk == sequence.c.id)).where(mine)
        )
        for table, column in ((version, version.c.created), (collection_detail, collection_detail.c.created))
    ]
    return min((moment for moment in moments if moment is not None), default=datetime.fromtimestamp(0, UTC))


def _used() -> ColumnElement[bool]:
    living = (
        select(version.c.id)
        .join(sequence, sequence.c.id == version.c.sequence_pk)
        .where(sequence.c.type_pk == artifact_type.c.id, LIVING)
    )
    portfolio = (
        select(collection_detail.c.sequence_pk)
        .join(sequence, sequence.c.id == collection_detail.c.sequence_pk)
        .where(
            sequence.c.type_pk == artifact_type.c.id,
            collection_detail.c.portfolio,
            collection_detail.c.removed.is_(None),
        )
    )
    return living.exists() | portfolio.exists()
