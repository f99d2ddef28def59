"""Inputs and outputs of runs as the SDK asks for them."""

from collections.abc import Sequence

from sqlalchemy import Connection, Table, func, select

from wabucketref.model.run import RunKey
from wabucketref.trackers.embedded.infos import LIVING
from wabucketref.trackers.embedded.rows import insert_missing, require_run
from wabucketref.trackers.embedded.schema import run_output, run_use, version
from wabucketref.trackers.embedded.sdk import paging


def use(connection: Connection, key: RunKey, version_pk: int) -> None:
    """Record a version as input of a run; once.

    Raises:
        NotFound: there is no such run.
    """
    run_pk, _ = require_run(connection, key)
    insert_missing(connection, run_use.name, {"run_pk": run_pk, "xid": f"sdk:{version_pk}", "version_pk": version_pk})


def users(connection: Connection, version_pk: int) -> Sequence[int]:
    """The runs that used a version, in the order they first did."""
    wanted = select(run_use.c.run_pk).where(run_use.c.version_pk == version_pk)
    return connection.scalars(wanted.group_by(run_use.c.run_pk).order_by(func.min(run_use.c.id))).all()


def inputs(connection: Connection, run_pk: int, after: str | None, first: int | None) -> paging.Page[int]:
    """The living versions that a run used."""
    return _versions(connection, run_use, run_pk, after, first)


def outputs(connection: Connection, run_pk: int, after: str | None, first: int | None) -> paging.Page[int]:
    """The living versions that a run logged."""
    return _versions(connection, run_output, run_pk, after, first)


def _versions(
    connection: Connection, link: Table, run_pk: int, after: str | None, first: int | None
) -> paging.Page[int]:
    order = (
        select(link.c.version_pk, func.min(link.c.id).label("place"))
        .where(link.c.run_pk == run_pk)
        .group_by(link.c.version_pk)
        .subquery()
    )
    wanted = select(version.c.id).join(order, order.c.version_pk == version.c.id).where(LIVING)
    rows = paging.cut(connection, wanted, paging.Order(order.c.place, version.c.id), after, first)
    return paging.Page([row.id for row in rows.items], rows.cursors, rows.more, rows.total)
