"""Small statements that several rooms share."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from wabucketref.errors import NotFound
from wabucketref.model.run import RunKey
from wabucketref.trackers.embedded.sql import change, first, on_server, scalar

if TYPE_CHECKING:
    from wabucketref.trackers.embedded.sql import Link

_VARIABLES: Final = 999
"""Values that every SQLite takes in one statement."""


def insert(link: "Link", table: str, row: Mapping[str, Any]) -> None:
    """Insert a row."""
    change(link, _insert(table, tuple(row)), **row)


def insert_new(link: "Link", table: str, row: Mapping[str, Any]) -> int:
    """Insert; the pk of the new row."""
    pk: int = scalar(link, f"{_insert(table, tuple(row))} RETURNING id", **row)
    return pk


def insert_missing(link: "Link", table: str, row: Mapping[str, Any]) -> int | None:
    """Insert; the pk of the new row, None when one with its unique key exists."""
    pk: int | None = scalar(link, f"{_insert(table, tuple(row))} ON CONFLICT DO NOTHING RETURNING id", **row)
    return pk


def insert_many(link: "Link", table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert thousands of rows, of each the values of `columns` as the database keeps them; rows whose unique key
    exists are ignored."""
    if not rows:
        return
    if on_server(link):
        marks = ", ".join(f"%({name})s" for name in columns)
        statement = f"{_insert(table, tuple(columns), f'({marks})')} ON CONFLICT DO NOTHING"
        _driver(link, statement, [dict(zip(columns, row, strict=True)) for row in rows])
        return
    # Many rows a statement, so that the interpreter is left and entered once for many: each time, another thread may
    # take it and not give it back for milliseconds.
    block = _VARIABLES // len(columns)
    for start in range(0, len(rows), block):
        some = rows[start : start + block]
        values = ", ".join([f"({', '.join('?' * len(columns))})"] * len(some))
        statement = f"{_insert(table, tuple(columns), values)} ON CONFLICT DO NOTHING"
        _driver(link, statement, tuple(chain.from_iterable(some)))


def update(link: "Link", table: str, pk: int, changes: Mapping[str, Any]) -> None:
    """Set columns of one row."""
    columns = ", ".join(f"{name} = :{name}" for name in _names(changes))
    change(link, f"UPDATE {_name(table)} SET {columns} WHERE id = :pk_", pk_=pk, **changes)  # noqa: S608 - names of ours


def ensure(link: "Link", table: str, key: Mapping[str, Any], **others: Any) -> int:
    """The pk of the row with `key`, which is made (with `others`) when there is none."""
    same = " AND ".join(f"{name} = :{name}" for name in _names(key))
    wanted = f"SELECT id FROM {_name(table)} WHERE {same}"  # noqa: S608 - names of ours
    pk: int | None = scalar(link, wanted, **key)
    if pk is None:
        pk = insert_missing(link, table, {**key, **others})
    if pk is None:  # another writer was first
        pk = scalar(link, wanted, **key)
        assert pk is not None
    return pk


def ensure_project(link: "Link", name: tuple[str, str]) -> int:
    """The pk of the project (entity, project), which is made when there is none."""
    found = find_project(link, name)
    if found is not None:
        return found
    entity_pk = ensure(link, "entity", {"name": name[0]})
    return ensure(link, "project", {"entity_pk": entity_pk, "name": name[1]}, created=datetime.now(UTC))


def find_project(link: "Link", name: tuple[str, str]) -> int | None:
    """The pk of the project (entity, project)."""
    pk: int | None = scalar(
        link,
        "SELECT project.id FROM project JOIN entity ON entity.id = project.entity_pk "
        "WHERE entity.name = :entity AND project.name = :project",
        entity=name[0],
        project=name[1],
    )
    return pk


def require_run(link: "Link", key: RunKey) -> tuple[int, int]:
    """pk of the run and of its project.

    Raises:
        NotFound: the run was never recorded here.
    """
    found = first(
        link,
        "SELECT run.id, run.project_pk FROM run JOIN project ON project.id = run.project_pk "
        "JOIN entity ON entity.id = project.entity_pk "
        "WHERE entity.name = :entity AND project.name = :project AND run.run_id = :run_id",
        entity=key.entity,
        project=key.project,
        run_id=key.run_id,
    )
    if found is None:
        raise NotFound(f"run {key.run_id} is not in project {key.entity}/{key.project}", hint="see `wabucket runs`")
    return found[0], found[1]


@cache
def _insert(table: str, columns: tuple[str, ...], values: str = "") -> str:
    values = values or f"({', '.join(f':{name}' for name in columns)})"
    return f"INSERT INTO {_name(table)} ({', '.join(_names(columns))}) VALUES {values}"  # noqa: S608 - names of ours


def _names(names: Iterable[str]) -> list[str]:
    return [_name(name) for name in names]


def _name(name: str) -> str:
    """A table or column: nothing else may ever become part of a statement."""
    if not name.isidentifier():
        raise ValueError(f"{name!r} is no name of a table or column")
    return name


def _driver(link: Any, statement: str, values: Any) -> None:
    """As the driver takes it, without looking for names in it."""
    execute = getattr(link, "exec_driver_sql", None) or link.execute
    execute(statement, values)
