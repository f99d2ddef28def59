"""Statements as text that SQLite and PostgreSQL both take, on whatever connection has the transaction.

The common path asks so, on connections of ``sqlite3`` itself: SQLAlchemy costs as much to import as all else that a
small transfer loads. Its connections are taken as well, where it is loaded anyway or the catalog is on a server.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from wabucketref.errors import InvalidValue

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult, TextClause

    Link: TypeAlias = "sqlite3.Connection | Connection"


def ask(link: "Link", statement: str, **values: Any) -> Sequence[Any]:
    """The rows that it gives. ``:name`` in `statement` stands for a value."""
    if isinstance(link, sqlite3.Connection):
        return link.execute(statement, _kept(values, on_server=False)).fetchall()
    return _execute(link, statement, values).all()


def first(link: "Link", statement: str, **values: Any) -> Any:
    """The first row that it gives; None: there is none."""
    rows = ask(link, statement, **values)
    return rows[0] if rows else None


def scalar(link: "Link", statement: str, **values: Any) -> Any:
    """The first column of the first row; None: there is none."""
    row = first(link, statement, **values)
    return None if row is None else row[0]


def change(link: "Link", statement: str, **values: Any) -> int:
    """How many rows it changed."""
    if isinstance(link, sqlite3.Connection):
        return link.execute(statement, _kept(values, on_server=False)).rowcount
    return _execute(link, statement, values).rowcount


def on_server(link: "Link") -> bool:
    """Whether others may write meanwhile: a transaction that writes has a file for itself."""
    return not isinstance(link, sqlite3.Connection) and link.dialect.name != "sqlite"


def encode(value: Any) -> str:
    """JSON text of plain Python data.

    Raises:
        InvalidValue: it holds something that is not JSON-like.
    """
    try:
        return json.dumps(value, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidValue(
            f"a value cannot be recorded: {error}", hint="use numbers, text, lists and mappings"
        ) from error


def decode(text: str | None) -> Any:
    """What :func:`encode` made text of."""
    if text == "{}":
        return {}
    return None if text is None else json.loads(text)


def moment(found: str | datetime | None) -> datetime | None:
    """A moment as it is read, in UTC: SQLite keeps text, PostgreSQL its own kind."""
    if found is None:
        return None
    when = datetime.fromisoformat(found) if isinstance(found, str) else found
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def _kept(values: Mapping[str, Any], *, on_server: bool) -> dict[str, Any]:
    """`values` as the database keeps them: moments in UTC, lists and mappings as JSON."""
    return {name: _kept_one(value, on_server) for name, value in values.items()}


def _kept_one(value: Any, on_server: bool) -> Any:
    if isinstance(value, datetime):
        utc = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return utc if on_server else utc.replace(tzinfo=None).isoformat(" ", "microseconds")
    if isinstance(value, (Mapping, list)):
        return encode(dict(value) if isinstance(value, Mapping) else value)
    return value


def _execute(link: "Connection", statement: str, values: Mapping[str, Any]) -> "CursorResult[Any]":
    return link.execute(_text(statement), _kept(values, on_server=on_server(link)))


@cache
def _text(statement: str) -> "TextClause":
    from sqlalchemy import text

    return text(statement)
