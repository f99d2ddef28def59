"""Filters and orders of runs, as W&B's public API writes them: a small part of MongoDB's language.

Both name fields of an allow-list: columns of the run, ``config.KEY`` and ``summary_metrics.KEY``. A filter is compiled
to a predicate; nothing of it reaches the database.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from wabucketref.errors import UsageError
from wabucketref.server.runs.pattern import Pattern
from wabucketref.server.runs.views import RunView

Predicate = Callable[[RunView], bool]
Reader = Callable[[RunView], Any]

MAX_FILTER: Final = 64 << 10
MAX_DEPTH: Final = 20
_NONE: Final = object()

_FIELDS: Final[Mapping[str, Reader]] = {
    "name": lambda run: run.name(),
    "display_name": lambda run: run.display_name,
    "state": lambda run: run.state(),
    "group": lambda run: run.group,
    "job_type": lambda run: run.job_type,
    "tags": lambda run: list(run.tags),
    "notes": lambda run: run.notes,
    "description": lambda run: run.description(),
    "created_at": lambda run: run.created_at,
    "heartbeat_at": lambda run: run.heartbeat_at(),
    "updated_at": lambda run: run.heartbeat_at(),
    "username": lambda run: run.row.account,
    "user.username": lambda run: run.row.account,
    "sweep": lambda run: run.sweep_name,
    "commit": lambda run: run.commit,
    "host": lambda run: run.host,
    "program": lambda run: run.program,
}
_OTHER_NAMES: Final = {
    "displayName": "display_name",
    "jobType": "job_type",
    "createdAt": "created_at",
    "heartbeatAt": "heartbeat_at",
    "updatedAt": "updated_at",
    "sweepName": "sweep",
    "run": "name",
}
_PREFIXES: Final = {"config": "config", "summary_metrics": "summary", "summaryMetrics": "summary", "summary": "summary"}


def compile_filter(text: str | None) -> Predicate | None:
    """The predicate of a filter in JSON; None when all runs pass.

    Raises:
        UsageError: it is malformed, or names an unknown field or operator.
    """
    if not text:
        return None
    if len(text) > MAX_FILTER:
        raise UsageError(f"the filter has {len(text)} characters, at most {MAX_FILTER} may be")
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError("the filter is not JSON") from error
    return _object(given, 0) if given else None


def compile_order(text: str | None) -> tuple[Reader, bool] | None:
    """How to read what runs are ordered by, and whether it descends; None for the usual order, oldest first.

    Raises:
        UsageError: it names an unknown field.
    """
    first = (text or "").split(",")[0].strip()
    name = first.lstrip("+-").strip()
    return (reader(name), first.startswith("-")) if name else None


def order_key(read: Reader) -> Callable[[RunView], tuple[int, Any]]:
    """A key for sorting whatever was recorded: what is missing first, then numbers, moments, texts."""

    def key(run: RunView) -> tuple[int, Any]:
        value = read(run)
        if isinstance(value, bool | int | float):
            return (1, value) if value == value else (0, 0)
        if isinstance(value, datetime):
            return 2, value
        return (3, value) if isinstance(value, str) else (0, 0)

    return key


def reader(name: str) -> Reader:
    """How to read the field `name` of a run.

    Raises:
        UsageError: there is none.
    """
    name = _OTHER_NAMES.get(name, name)
    if name in _FIELDS:
        return _FIELDS[name]
    prefix, _, key = name.partition(".")
    if prefix not in _PREFIXES or not key:
        raise UsageError(
            f"runs have no field {name[:100]!r}", hint=f"one of {', '.join(_FIELDS)}, config.KEY, summary_metrics.KEY"
        )
    column = _PREFIXES[prefix]
    wrapped = key.removesuffix(".value")

    def read(run: RunView) -> Any:
        data = getattr(run.row, column)
        found = _at(data, key)
        return _at(data, wrapped) if found is _NONE else found

    return read


def _at(data: Any, key: str) -> Any:
    """The value under a key that may have dots itself, or lead into nested mappings."""
    if not isinstance(data, Mapping):
        return _NONE
    if key in data:
        return data[key]
    head, _, rest = key.partition(".")
    return _at(data[head], rest) if rest and head in data else _NONE


def _object(given: Any, depth: int) -> Predicate:
    if not isinstance(given, dict) or depth > MAX_DEPTH:
        raise UsageError("a filter is an object, and not nested too deeply")
    parts = [_entry(key, value, depth + 1) for key, value in given.items()]
    return lambda run: all(part(run) for part in parts)


def _entry(key: str, value: Any, depth: int) -> Predicate:
    if key in ("$and", "$or", "$nor"):
        if not isinstance(value, list):
            raise UsageError(f"{key} takes a list")
        parts = [_object(one, depth) for one in value]
        if key == "$and":
            return lambda run: all(part(run) for part in parts)
        wanted = key == "$or"
        # An empty "or" excludes nothing: programs that build filters send it.
        return lambda run: not parts or any(part(run) for part in parts) == wanted
    if key == "$not":
        inner = _object(value, depth)
        return lambda run: not inner(run)
    if key.startswith("$"):
        raise UsageError(f"the operator {key[:50]} is not known at the top of a filter")
    read = reader(key)
    test = _condition(value, depth)
    return lambda run: test(read(run))


def _condition(value: Any, depth: int) -> Callable[[Any], bool]:
    if depth > MAX_DEPTH:
        raise UsageError("the filter is nested too deeply")
    if not isinstance(value, dict) or not any(key.startswith("$") for key in value):
        return lambda found: _equal(found, value)
    tests = [_operator(name, operand, depth + 1) for name, operand in value.items()]
    return lambda found: all(test(found) for test in tests)


def _operator(name: str, operand: Any, depth: int) -> Callable[[Any], bool]:
    if name in ("$in", "$nin"):
        if not isinstance(operand, list):
            raise UsageError(f"{name} takes a list")
        return lambda found: any(_equal(found, one) for one in operand) == (name == "$in")
    if name == "$not":
        inner = _condition(operand, depth)
        return lambda found: not inner(found)
    if name == "$regex":
        if not isinstance(operand, str):
            raise UsageError("$regex takes text")
        pattern = Pattern(operand)
        return lambda found: any(pattern.found_in(one) for one in _texts(found))
    if name == "$exists":
        return lambda found: (found is not _NONE and found is not None) == bool(operand)
    simple = _COMPARE.get(name)
    if simple is None:
        raise UsageError(f"the operator {name[:50]} is not known", hint="$eq $ne $gt $gte $lt $lte $in $nin $regex …")
    return lambda found: simple(found, operand)


def _equal(found: Any, wanted: Any) -> bool:
    if found is _NONE:
        return wanted is None
    if isinstance(found, list) and not isinstance(wanted, list):
        return any(_equal(one, wanted) for one in found)
    if isinstance(found, datetime):
        moment = _moment(wanted)
        return moment is not None and found.replace(microsecond=0) == moment.replace(microsecond=0)
    return bool(found == wanted) and isinstance(found, bool) == isinstance(wanted, bool)


def _compared(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(found: Any, wanted: Any) -> bool:
        if isinstance(found, datetime):
            moment = _moment(wanted)
            return moment is not None and test(found, moment)
        numbers = isinstance(found, int | float) and isinstance(wanted, int | float)
        return (numbers or (isinstance(found, str) and isinstance(wanted, str))) and test(found, wanted)

    return compare


_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "$eq": _equal,
    "$ne": lambda found, wanted: not _equal(found, wanted),
    "$gt": _compared(lambda found, wanted: bool(found > wanted)),
    "$gte": _compared(lambda found, wanted: bool(found >= wanted)),
    "$lt": _compared(lambda found, wanted: bool(found < wanted)),
    "$lte": _compared(lambda found, wanted: bool(found <= wanted)),
}


def _moment(value: Any) -> datetime | None:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e11:
        return datetime.fromtimestamp(value, UTC)
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        raise UsageError(f"{value[:50]!r} is no moment", hint="write it as 2026-01-31T12:00:00Z") from None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def _texts(found: Any) -> Sequence[str]:
    if isinstance(found, list):
        return [one for one in found if isinstance(one, str)]
    return [found] if isinstance(found, str) else []
