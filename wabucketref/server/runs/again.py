"""What rows of history mean for those that are there: they go on, they come again, or the run begins anew.

Clients put their rows behind the last one that the server names when a run is made or changed, even where the run does
not go on: one that is synced twice, or begun anew under its old id, tells its first rows behind its last ones. Steps
never go back within a run, so that is seen by the first step of a chunk.
"""

import json
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select

from wabucketref.server.runs.rows import Rows
from wabucketref.trackers.embedded.schema import console, history
from wabucketref.trackers.embedded.served import run_event
from wabucketref.trackers.embedded.sql import encode

_RUNTIME: Final = "_runtime"
"""Seconds since a session began, which the SDK adds to each row."""
_SLACK: Final = 0.01
_COLUMNS: Final = (history.c.row_index, history.c.step, history.c.time, history.c.data)
_BEFORE: Final = (
    select(*_COLUMNS)
    .where(history.c.run_pk == bindparam("run_pk"), history.c.row_index <= bindparam("at"))
    .order_by(history.c.row_index.desc())
    .limit(1)
)


def placed(connection: Connection, run_pk: int, rows: Rows) -> Rows:
    """`rows` of history, not empty, with the indices at which they belong; what a run had that begins anew is cleared
    away."""
    index, step, _, _ = rows[0]
    before = connection.execute(_BEFORE, {"run_pk": run_pk, "at": index}).first()
    if before is None or (before.row_index < index and before.step < step) or _same(before, rows[0]):
        return rows
    if index > 0:
        known = connection.execute(
            select(*_COLUMNS)
            .where(history.c.run_pk == run_pk, history.c.step == step)
            .order_by(history.c.row_index)
            .limit(1)
        ).first()
        if known is not None and _same(known, rows[0]):
            shift = index - known.row_index
            return [(at - shift, *values) for at, *values in rows]
    if index == 0 or _is_first(connection, run_pk, step, before):
        _clear(connection, run_pk, rows[0])
    return rows


def _is_first(connection: Connection, run_pk: int, step: int, last: Any) -> bool:
    """Whether the run began with `step` and has gone on since, as no client tells it a second time."""
    first = connection.execute(
        select(history.c.row_index, history.c.step)
        .where(history.c.run_pk == run_pk)
        .order_by(history.c.row_index)
        .limit(1)
    ).one()
    return bool(first.step == step and (last.step > step or first.row_index == last.row_index))


def _clear(connection: Connection, run_pk: int, first: tuple[Any, ...]) -> None:
    """Forget what a run had before it began anew; lines and metrics may have come before its first row."""
    _, _, moment, data = first
    connection.execute(history.delete().where(history.c.run_pk == run_pk))
    runtime = json.loads(data).get(_RUNTIME)
    begun = moment - (runtime if isinstance(runtime, int | float) else 0.0) - _SLACK
    for table in (run_event, console):
        connection.execute(table.delete().where(table.c.run_pk == run_pk, table.c.time < begun))


def _same(there: Any, row: tuple[Any, ...]) -> bool:
    """Whether both are one row, wherever they stand."""
    _, step, moment, data = row
    return (there.step, there.time, encode(there.data)) == (step, moment, data)
