"""Pages of a listing: the next starts after a row, not at a position, so what is added meanwhile moves nothing."""

import base64
import binascii
import json
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Select, func, or_, select

from wabucketref.errors import UsageError

Item = TypeVar("Item")
MOST: Final = 10_000
"""Rows of one page; SDKs ask for at most 5,000."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some rows, where each of them is, and whether there are more."""

    items: Sequence[Item]
    cursors: Sequence[str]
    more: bool
    total: Callable[[], int]
    """Asked only when a client wants to know."""


@dataclass(frozen=True, slots=True)
class Order:
    """By a column, and by key where it is equal."""

    column: ColumnElement[Any]
    key: ColumnElement[Any]
    descending: bool = False


def cut(
    connection: Connection, wanted: Select[Any], order: Order, after: str | None, first: int | None
) -> Page[Row[Any]]:
    """The rows of `wanted` that follow the cursor `after`, at most `first` of them.

    Raises:
        UsageError: the cursor is not one of ours.
    """
    size = _size(first)
    rows = wanted.add_columns(order.column.label("_by"), order.key.label("_key"))
    if after:
        rows = rows.where(_beyond(order, *_decoded(after)))
    ways = [column.desc() if order.descending else column.asc() for column in (order.column, order.key)]
    found = connection.execute(rows.order_by(*ways).limit(size + 1)).all()
    shown = found[:size]

    def total() -> int:
        counted = wanted.order_by(None).subquery()
        return connection.scalar(select(func.count()).select_from(counted)) or 0

    return Page(shown, [_encoded(row._by, row._key) for row in shown], len(found) > size, total)


def cut_list(items: Sequence[Item], key: Callable[[Item], str], after: str | None, first: int | None) -> Page[Item]:
    """As :func:`cut`, of items in the order of their keys."""
    start = 0 if not after else bisect_right(items, str(_decoded(after)[0]), key=key)
    shown = items[start : start + _size(first)]
    cursors = [_encoded(key(item), key(item)) for item in shown]
    return Page(shown, cursors, start + len(shown) < len(items), lambda: len(items))


def _size(first: int | None) -> int:
    return MOST if first is None else max(0, min(first, MOST))


def _beyond(order: Order, value: Any, key: Any) -> ColumnElement[bool]:
    column, tie = order.column, order.key
    if order.descending:
        return or_(column < value, (column == value) & (tie < key))
    return or_(column > value, (column == value) & (tie > key))


def _encoded(value: Any, key: Any) -> str:
    kept = {"at": value.isoformat()} if isinstance(value, datetime) else value
    return base64.urlsafe_b64encode(json.dumps([kept, key]).encode()).decode()


def _decoded(cursor: str) -> tuple[Any, Any]:
    try:
        value, key = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        value = datetime.fromisoformat(value["at"]) if isinstance(value, dict) else value
    except (binascii.Error, ValueError, TypeError, KeyError, RecursionError) as error:
        raise UsageError("the cursor is not one of this server's", hint="start again without it") from error
    if not isinstance(value, str | int | datetime) or not isinstance(key, str | int):
        raise UsageError("the cursor is not one of this server's", hint="start again without it")
    return value, key
