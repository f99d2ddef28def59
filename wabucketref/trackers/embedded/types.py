"""Column types that mean the same in every database."""

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Text
from sqlalchemy.types import TypeDecorator

from wabucketref.errors import InvalidValue


class Json(TypeDecorator[Any]):
    """JSON as ASCII text: integers of any length stay exact, NaN and ±Infinity are kept, no database rewrites it.

    ASCII, because PostgreSQL refuses NUL and SQLite refuses lone surrogates in text; escaped, both survive.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else encode(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        if value == "{}":
            return {}
        return None if value is None else json.loads(value)


class Utc(TypeDecorator[datetime]):
    """A moment, stored in UTC and read back with its time zone; a value without one is taken as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        found: datetime = value
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


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
