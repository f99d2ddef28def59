"""Small statements that several rooms share."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final

from sqlalchemy import Connection, Insert, Table, and_, select

from wabucketref.errors import NotFound
from wabucketref.model.run import RunKey
from wabucketref.trackers.embedded.schema import entity, project, run

_VARIABLES: Final = 999
"""Values that every SQLite takes in one statement."""


def insert_many(connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """Insert thousands of rows, of each the values of all columns as the database keeps them; rows whose unique key
    exists are ignored."""
    if not rows:
        return
    statement = _insert_or_ignore(connection, table).compile(dialect=connection.dialect)
    if statement.positional:
        _insert_in_blocks(connection, statement.string, rows)
    else:
        names = table.columns.keys()
        connection.exec_driver_sql(statement.string, [dict(zip(names, row, strict=True)) for row in rows])


def _insert_in_blocks(connection: Connection, statement: str, rows: Sequence[Sequence[Any]]) -> None:
    """Many rows a statement, so that the interpreter is left and entered once for many: each time, another thread may
    take it and not give it back for milliseconds."""
    head, values, tail = statement.partition(f"({', '.join('?' * len(rows[0]))})")
    block = _VARIABLES // len(rows[0])
    whole = len(rows) - len(rows) % block
    several = f"{head}{', '.join([values] * block)}{tail}"
    for start in range(0, whole, block):
        connection.exec_driver_sql(several, tuple(chain.from_iterable(rows[start : start + block])))
    if whole < len(rows):
        connection.exec_driver_sql(statement, [tuple(row) for row in rows[whole:]])


def insert_missing(connection: Connection, table: Table, row: Mapping[str, Any]) -> int | None:
    """Insert; the pk of the new row, None when one with its unique key exists."""
    pk: int | None = connection.scalar(_insert_or_ignore(connection, table).values(**row).returning(table.c.id))
    return pk


def ensure(connection: Connection, table: Table, key: Mapping[str, Any], **others: Any) -> int:
    """The pk of the row with `key`, which is made (with `others`) when there is none."""
    wanted = select(table.c.id).where(and_(*(table.c[name] == value for name, value in key.items())))
    pk: int | None = connection.scalar(wanted)
    if pk is None:
        pk = insert_missing(connection, table, {**key, **others})
    return connection.execute(wanted).scalar_one() if pk is None else pk


def _insert_or_ignore(connection: Connection, table: Table) -> Insert:
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table).on_conflict_do_nothing()
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table).on_conflict_do_nothing()


def find_project(connection: Connection, name: tuple[str, str]) -> int | None:
    """The pk of the project (entity, project)."""
    return connection.scalar(
        select(project.c.id)
        .join(entity, entity.c.id == project.c.entity_pk)
        .where(entity.c.name == name[0], project.c.name == name[1])
    )


def require_run(connection: Connection, key: RunKey) -> tuple[int, int]:
    """pk of the run and of its project.

    Raises:
        NotFound: the run was never recorded here.
    """
    found = connection.execute(
        select(run.c.id, run.c.project_pk)
        .join(project, project.c.id == run.c.project_pk)
        .join(entity, entity.c.id == project.c.entity_pk)
        .where(entity.c.name == key.entity, project.c.name == key.project, run.c.run_id == key.run_id)
    ).first()
    if found is None:
        raise NotFound(f"run {key.run_id} is not in project {key.entity}/{key.project}", hint="see `wabucket runs`")
    return found.id, found.project_pk
