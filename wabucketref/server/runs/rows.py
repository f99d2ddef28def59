"""Rows of history, events and console as the SDK writes and reads them: one text a row."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, Table

from wabucketref.errors import UsageError
from wabucketref.trackers.embedded.schema import console, history
from wabucketref.trackers.embedded.served import run_event
from wabucketref.trackers.embedded.types import encode

STEP: Final = "_step"
TIME: Final = "_timestamp"
_MAX: Final = (1 << 63) - 1


def history_line(row: Row[Any]) -> dict[str, Any]:
    """A row of history with its step and time among its values."""
    return {**row.data, STEP: row.step, TIME: row.time}


def event_line(row: Row[Any]) -> dict[str, Any]:
    """A row of system metrics."""
    return {**row.data, TIME: row.time}


def put_history(connection: Connection, run_pk: int, offset: int, lines: Sequence[str]) -> None:
    """Keep rows from index `offset` on; what had the index before is replaced."""
    _put(connection, history, [_history_row(run_pk, offset + at, line) for at, line in enumerate(lines)])


def put_events(connection: Connection, run_pk: int, offset: int, lines: Sequence[str]) -> None:
    """As :func:`put_history`, for system metrics."""
    rows = []
    for at, line in enumerate(lines):
        values = _object(line)
        rows.append((run_pk, offset + at, _number(values.pop(TIME, None), time.time()), encode(values)))
    _put(connection, run_event, rows)


def put_console(connection: Connection, run_pk: int, offset: int, lines: Sequence[str]) -> None:
    """As :func:`put_history`, for lines of a terminal; those that a progress bar draws again come again."""
    rows = []
    for at, line in enumerate(lines):
        stream, moment, text = parse_console(line)
        rows.append((run_pk, offset + at, stream, moment, encode(text)))
    _put(connection, console, rows)


def _history_row(run_pk: int, index: int, line: str) -> tuple[Any, ...]:
    values = _object(line)
    step = values.pop(STEP, index)
    step = int(step) if isinstance(step, int | float) and abs(step) <= _MAX else index
    return run_pk, index, step, _number(values.pop(TIME, None), time.time()), encode(values)


def _object(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError("a row is not JSON") from error
    if not isinstance(found, dict):
        raise UsageError("a row is not a JSON object")
    return found


def _number(value: Any, default: float) -> float:
    """A finite number, or `default`."""
    plain = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
    return float(value) if plain else default


def parse_console(line: str) -> tuple[str, float, str]:
    """Stream, time and text of a line: ``ERROR 2024-05-01T10:00:00.000000 text``, where the first word may lack."""
    stream, rest = "stdout", line
    if rest.startswith("ERROR "):
        stream, rest = "stderr", rest.removeprefix("ERROR ")
    stamp, _, text = rest.partition(" ")
    moment = _moment(stamp)
    return (stream, moment, text) if moment is not None else (stream, time.time(), rest)


def _moment(stamp: str) -> float | None:
    from datetime import UTC, datetime

    if len(stamp) < 19 or stamp[10] != "T":
        return None
    try:
        found = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _put(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert or replace rows, of each the values of all columns as the database keeps them."""
    if not rows:
        return
    from sqlalchemy.dialects import postgresql, sqlite

    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    insert = make(table)
    others: Mapping[str, Any] = {
        column.name: insert.excluded[column.name] for column in table.c if not column.primary_key
    }
    statement = insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=others).compile(
        dialect=connection.dialect, column_keys=table.columns.keys()
    )
    if statement.positional:
        connection.exec_driver_sql(statement.string, [tuple(row) for row in rows])
    else:
        names = table.columns.keys()
        connection.exec_driver_sql(statement.string, [dict(zip(names, row, strict=True)) for row in rows])
