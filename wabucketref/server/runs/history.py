"""Reading history and system metrics: whole, by steps, or a sample of evenly spread rows.

Steps never go back within a run, so a range of steps is a range of rows, and its ends are found by bisection.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, bindparam, func, select

from wabucketref.errors import UsageError
from wabucketref.server.call import Info, call_of
from wabucketref.server.graphql.scalars import dump
from wabucketref.server.runs.rows import STEP, TEXTS, event_line, history_line, history_text
from wabucketref.server.runs.views import RunView
from wabucketref.trackers.embedded.schema import history
from wabucketref.trackers.embedded.served import run_event

SAMPLES: Final = 500
MAX_SAMPLES: Final = 50_000
MAX_SPECS: Final = 50
_LOOKED_THROUGH: Final = 2_000
"""Rows that are looked at to tell which keys a run has."""
_BATCH: Final = 500
_MISSING: Final = object()


def _ends_of(table: Table) -> Select[Any]:
    of_run = table.c.run_pk == bindparam("run_pk")
    ends = (func.min(table.c.row_index), func.max(table.c.row_index))
    return select(*(select(end).where(of_run).scalar_subquery() for end in ends))


_ENDS: Final = {table: _ends_of(table) for table in (history, run_event)}


def run_history(
    source: RunView,
    info: Info,
    samples: int | None = None,
    min_step: int | None = None,
    max_step: int | None = None,
) -> list[str]:
    """Rows with `min_step` <= step < `max_step`, at most `samples`, each as JSON text."""
    connection = call_of(info).connection
    return [history_text(row) for row in sampled(connection, source.pk, _bounded(samples), min_step, max_step, TEXTS)]


def events(source: RunView, info: Info, samples: int | None = None) -> list[str]:
    """Rows of system metrics, at most `samples`."""
    connection = call_of(info).connection
    bounds = _ends(connection, run_event, source.pk)
    return [dump(event_line(row)) for row in _spread(connection, run_event, source.pk, bounds, _bounded(samples))]


def sampled_history(source: RunView, info: Info, specs: Sequence[str]) -> list[list[dict[str, Any]]]:
    """For each spec (``keys``, ``samples``, ``minStep``, ``maxStep`` inclusive) the rows that have all its keys."""
    if len(specs) > MAX_SPECS:
        raise UsageError(f"{len(specs)} specs, at most {MAX_SPECS} are taken")
    connection = call_of(info).connection
    return [_answer_spec(connection, source.pk, _spec(text)) for text in specs]


def history_keys(source: RunView, info: Info) -> dict[str, Any]:
    """Which keys the rows have, with what types, and the last step."""
    connection = call_of(info).connection
    bounds = _ends(connection, history, source.pk)
    if bounds is None:
        return {"sets": [], "keys": {}, "lastStep": -1}
    counts: dict[str, dict[str, int]] = {}
    last = 0
    for row in _spread(connection, history, source.pk, bounds, _LOOKED_THROUGH):
        last = max(last, row.step)
        for key, value in history_line(row).items():
            types = counts.setdefault(key, {})
            kind = _kind(value)
            types[kind] = types.get(kind, 0) + 1
    keys = {
        key: {"typeCounts": [{"type": kind, "count": count} for kind, count in types.items()]}
        for key, types in counts.items()
    }
    return {"sets": [{"keys": sorted(keys), "count": bounds[1] - bounds[0] + 1}], "keys": keys, "lastStep": last}


def parquet_history(source: RunView, info: Info, live_keys: Sequence[str]) -> dict[str, Any]:
    """No rows are exported to Parquet: all are live, from the first step on."""
    first = select(history.c.step).where(history.c.run_pk == source.pk).order_by(history.c.row_index).limit(1)
    step = call_of(info).connection.scalar(first)
    return {"parquet_urls": [], "live_data": [] if step is None else [{STEP: float(step)}]}


def sampled(
    connection: Connection,
    run_pk: int,
    samples: int,
    min_step: int | None = None,
    max_step: int | None = None,
    columns: Sequence[ColumnElement[Any]] = tuple(history.c),
) -> Iterator[Row[Any]]:
    """Rows of a range of steps, at most `samples`, evenly spread, in order."""
    bounds = _ends(connection, history, run_pk)
    if bounds is None:
        return iter(())
    first, last = bounds
    if min_step is not None:
        first = _first_from(connection, run_pk, first, last, min_step)
    if max_step is not None:
        last = _first_from(connection, run_pk, first, last, max_step) - 1
    return _spread(connection, history, run_pk, (first, last), samples, columns)


def lookup(data: Mapping[str, Any], key: str) -> Any:
    """The value under `key`, or by its dots inside nested mappings; a private mark when there is none."""
    if key in data:
        return data[key]
    head, dot, rest = key.partition(".")
    inner = data.get(head)
    return lookup(inner, rest) if dot and isinstance(inner, Mapping) else _MISSING


def _answer_spec(connection: Connection, run_pk: int, spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    keys, samples = spec.get("keys") or [], _bounded(spec.get("samples"))
    upper = spec.get("maxStep")
    bounds = spec.get("minStep"), None if upper is None else int(upper) + 1
    few = [history_line(row) for row in sampled(connection, run_pk, samples, *bounds)]
    found = _with_keys(few, keys)
    if len(found) == len(few):
        return found
    # Rows that lack a key leave room for others: look at more of them.
    found = _with_keys((history_line(row) for row in sampled(connection, run_pk, MAX_SAMPLES, *bounds)), keys)
    if len(found) <= samples:
        return found
    return [found[at * (len(found) - 1) // max(samples - 1, 1)] for at in range(samples)]


def _with_keys(lines: Iterable[dict[str, Any]], keys: Sequence[str]) -> list[dict[str, Any]]:
    """The values under `keys` (all when there are none) of the lines that have them all."""
    if not keys:
        return list(lines)
    chosen = ({key: lookup(line, key) for key in keys} for line in lines)
    return [one for one in chosen if not any(value is _MISSING for value in one.values())]


def _spec(text: str) -> Mapping[str, Any]:
    try:
        spec = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError("a spec is not JSON") from error
    if not isinstance(spec, dict) or not isinstance(spec.get("keys") or [], list):
        raise UsageError("a spec is not an object with keys")
    for name in ("minStep", "maxStep", "samples"):
        if not isinstance(spec.get(name, 0), int | float | None):
            raise UsageError(f"{name} of a spec is no number")
    return spec


def _bounded(samples: float | None) -> int:
    return SAMPLES if samples is None else max(0, min(int(samples), MAX_SAMPLES))


def _ends(connection: Connection, table: Table, run_pk: int) -> tuple[int, int] | None:
    """The first and the last index."""
    first, last = connection.execute(_ENDS[table], {"run_pk": run_pk}).one()
    return None if first is None else (first, last)


def _first_from(connection: Connection, run_pk: int, first: int, last: int, step: int) -> int:
    """The index of the first row of `step` or later among those from `first` to `last`; else ``last + 1``."""
    low, high = first, last + 1
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(
            select(history.c.row_index, history.c.step)
            .where(history.c.run_pk == run_pk, history.c.row_index >= middle, history.c.row_index <= last)
            .order_by(history.c.row_index)
            .limit(1)
        ).first()
        if row is None or row.step >= step:
            high = middle
        else:
            low = row.row_index + 1
    return low


def _spread(
    connection: Connection,
    table: Table,
    run_pk: int,
    bounds: tuple[int, int] | None,
    samples: int,
    columns: Sequence[ColumnElement[Any]] = (),
) -> Iterator[Row[Any]]:
    """All rows between two indices when they are few enough, else about `samples`, evenly spread."""
    if bounds is None or bounds[0] > bounds[1] or samples == 0:
        return
    first, last = bounds
    wanted = select(*columns or table.c).where(table.c.run_pk == run_pk).order_by(table.c.row_index)
    if last - first < samples:
        inside = wanted.where(table.c.row_index >= first, table.c.row_index <= last)
        yield from connection.execute(inside.execution_options(yield_per=_BATCH))
        return
    indices = [first + at * (last - first) // max(samples - 1, 1) for at in range(samples)]
    for some in _batches(indices):
        yield from connection.execute(wanted.where(table.c.row_index.in_(some))).all()


def _batches(items: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, Mapping):
        return str(value.get("_type", "map"))
    return "nil" if value is None else "list"
