"""Column types that mean the same in every database."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Text
from sqlalchemy.types import TypeDecorator

from wabucketref.trackers.embedded.sql import decode, encode, moment


class Json(TypeDecorator[Any]):
    """JSON as ASCII text: integers of any length stay exact, NaN and ±Infinity are kept, no database rewrites it.

    ASCII, because PostgreSQL refuses NUL and SQLite refuses lone surrogates in text; escaped, both survive.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else encode(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return decode(value)


class Utc(TypeDecorator[datetime]):
    """A moment, stored in UTC and read back with its time zone; a value without one is taken as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        utc = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return moment(value)
