"""How many rows of a run are here, and the last ones: with these a client goes on where it stopped."""

from typing import Any, Final

from sqlalchemy import Table, bindparam, func, select

from wabucketref.server.call import Info, call_of
from wabucketref.server.graphql.scalars import dump
from wabucketref.server.runs.rows import event_line, history_line
from wabucketref.server.runs.views import RunView
from wabucketref.trackers.embedded.schema import console, history
from wabucketref.trackers.embedded.served import run_event

_LAST: Final = {
    table: select(func.max(table.c.row_index)).where(table.c.run_pk == bindparam("run_pk"))
    for table in (history, run_event, console)
}


def history_line_count(source: RunView, info: Info) -> int:
    return _next_index(source, info, history)


def events_line_count(source: RunView, info: Info) -> int:
    return _next_index(source, info, run_event)


def log_line_count(source: RunView, info: Info) -> int:
    return _next_index(source, info, console)


def history_tail(source: RunView, info: Info) -> str:
    """The last row, as a JSON list of JSON texts."""
    row = _last(source, info, history)
    return dump([] if row is None else [dump(history_line(row))])


def events_tail(source: RunView, info: Info) -> str:
    row = _last(source, info, run_event)
    return dump([] if row is None else [dump(event_line(row))])


def _next_index(source: RunView, info: Info, table: Table) -> int:
    last = call_of(info).connection.scalar(_LAST[table], {"run_pk": source.pk})
    return 0 if last is None else int(last) + 1


def _last(source: RunView, info: Info, table: Table) -> Any:
    wanted = select(table).where(table.c.run_pk == source.pk).order_by(table.c.row_index.desc()).limit(1)
    return call_of(info).connection.execute(wanted).first()
