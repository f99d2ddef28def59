"""Filters and orders that clients send: JSON of operators on columns that may be asked for, nothing else."""

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, not_, or_, true

from wabucketref.errors import UsageError

Columns = Mapping[str, ColumnElement[Any]]

_DEEPEST: Final = 8
_MOST: Final = 100

_COMPARE: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "$eq": operator.eq,
    "$ne": operator.ne,
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}


def condition(given: Any, columns: Columns) -> ColumnElement[bool]:
    """What the filter `given` says of `columns`.

    Raises:
        UsageError: it names another column or operator, or is too big.
    """
    return _clause(given, columns, 0)


def ordering(given: str | None, columns: Columns, default: str) -> tuple[ColumnElement[Any], bool]:
    """The column of ``name``, ``+name`` or ``-name``, and whether it goes down.

    Raises:
        UsageError: there is no such column.
    """
    text = given or default
    descending, name = text.startswith("-"), text.lstrip("+-")
    if name not in columns:
        raise UsageError(f"cannot order by {name!r}", hint=f"order by {', '.join(sorted(columns))}")
    return columns[name], descending


def _clause(given: Any, columns: Columns, depth: int) -> ColumnElement[bool]:
    if not isinstance(given, Mapping) or depth > _DEEPEST or len(given) > _MOST:
        raise UsageError("the filter is not an object of this server's operators", hint="see the server's reference")
    return and_(true(), *(_one(key, value, columns, depth) for key, value in given.items()))


def _one(key: str, value: Any, columns: Columns, depth: int) -> ColumnElement[bool]:
    if key in ("$and", "$or"):
        if not isinstance(value, list) or not 0 < len(value) <= _MOST:
            raise UsageError(f"{key} needs a list of filters", hint=f"of 1 to {_MOST}")
        found = [_clause(part, columns, depth + 1) for part in value]
        return and_(*found) if key == "$and" else or_(*found)
    if key == "$not":
        return not_(_clause(value, columns, depth + 1))
    if key not in columns:
        raise UsageError(f"cannot filter by {key!r}", hint=f"filter by {', '.join(sorted(columns))}")
    tests = value if isinstance(value, Mapping) else {"$eq": value}
    return and_(true(), *(_test(columns[key], name, wanted) for name, wanted in tests.items()))


def _test(column: ColumnElement[Any], name: str, wanted: Any) -> ColumnElement[bool]:
    if name in ("$in", "$nin"):
        if not isinstance(wanted, list) or len(wanted) > _MOST or not all(map(_plain, wanted)):
            raise UsageError(f"{name} needs a list of plain values", hint=f"of at most {_MOST}")
        return column.in_(wanted) if name == "$in" else column.not_in(wanted)
    if name == "$contains" and isinstance(wanted, str):
        found: ColumnElement[bool] = column.contains(wanted, autoescape=True)
        return found
    if name not in _COMPARE or not _plain(wanted):
        raise UsageError(f"cannot filter with {name!r}", hint=f"use {', '.join([*_COMPARE, '$in', '$nin'])}")
    compared: ColumnElement[bool] = _COMPARE[name](column, wanted)
    return compared


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)
