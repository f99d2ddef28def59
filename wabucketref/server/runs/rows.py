"""Rows of history, events and console as the SDK writes and reads them: one text a row."""

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, Dialect, Row, Table, Text, type_coerce
from sqlalchemy.dialects import postgresql, sqlite

from wabucketref.errors import UsageError
from wabucketref.trackers.embedded.schema import history
from wabucketref.trackers.embedded.sql import encode

STEP: Final = "_step"
TIME: Final = "_timestamp"
_MAX: Final = (1 << 63) - 1


def history_line(row: Row[Any]) -> dict[str, Any]:
    """A row of history with its step and time among its values."""
    return {**row.data, STEP: row.step, TIME: row.time}


TEXTS: Final = (history.c.step, history.c.time, type_coerce(history.c.data, Text).label("text"))
"""Columns that :func:`history_text` reads: the values stay the JSON text that they are."""


def history_text(row: Row[Any]) -> str:
    """As :func:`history_line`, as JSON text. Nothing is parsed and written again: charts ask for many rows."""
    head = "{" if row.text == "{}" else f"{row.text[:-1]},"
    return f'{head}"{STEP}":{row.step},"{TIME}":{json.dumps(row.time)}}}'


def event_line(row: Row[Any]) -> dict[str, Any]:
    """A row of system metrics."""
    return {**row.data, TIME: row.time}


Rows = list[tuple[Any, ...]]
"""Of each row the values of all columns but ``run_pk``, as the database keeps them."""


def history_rows(offset: int, lines: Sequence[str]) -> Rows:
    """Rows of history with indices from `offset` on.

    Raises:
        UsageError: a line is no JSON object.
    """
    return [_history_row(offset + at, line) for at, line in enumerate(lines)]


def event_rows(offset: int, lines: Sequence[str]) -> Rows:
    """As :func:`history_rows`, for system metrics."""
    rows = []
    for at, line in enumerate(lines):
        values = _object(line)
        rows.append((offset + at, _number(values.pop(TIME, None), time.time()), encode(values)))
    return rows


def console_rows(offset: int, lines: Sequence[str]) -> Rows:
    """As :func:`history_rows`, for lines of a terminal; those that a progress bar draws again come again."""
    rows = []
    for at, line in enumerate(lines):
        stream, moment, text = parse_console(line)
        rows.append((offset + at, stream, moment, encode(text)))
    return rows


def put(connection: Connection, table: Table, run_pk: int, rows: Rows) -> None:
    """Keep rows; those that had their indices before are replaced."""
    if not rows:
        return
    statement, positional = _insert_or_replace(table, connection.dialect)
    whole = [(run_pk, *row) for row in rows]
    if positional:
        connection.exec_driver_sql(statement, whole)
    else:
        names = table.columns.keys()
        connection.exec_driver_sql(statement, [dict(zip(names, row, strict=True)) for row in whole])


@lru_cache
def _insert_or_replace(table: Table, dialect: Dialect) -> tuple[str, bool]:
    """The statement for all columns, and whether its parameters go by position."""
    make = postgresql.insert if dialect.name == "postgresql" else sqlite.insert
    insert = make(table)
    others = {column.name: insert.excluded[column.name] for column in table.c if not column.primary_key}
    statement = insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=others).compile(
        dialect=dialect, column_keys=table.columns.keys()
    )
    return statement.string, bool(statement.positional)


def _history_row(index: int, line: str) -> tuple[Any, ...]:
    values = _object(line)
    step = values.pop(STEP, index)
    step = int(step) if isinstance(step, int | float) and abs(step) <= _MAX else index
    return index, step, _number(values.pop(TIME, None), 0.0), encode(values)


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
    if len(stamp) < 19 or stamp[10] != "T":
        return None
    try:
        found = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
