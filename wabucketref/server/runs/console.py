"""The console log of a run, line by line."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, select

from wabucketref.server.call import Info, call_of
from wabucketref.server.paging import Edge, Page, PageInfo, cursor, position
from wabucketref.server.runs.counts import log_line_count
from wabucketref.server.runs.views import RunView
from wabucketref.trackers.embedded.schema import console


def log_lines(
    source: RunView,
    info: Info,
    first: int | None = None,
    last: int | None = None,
    after: str | None = None,
    use_improved_pagination: bool | None = None,
) -> Page:
    """The first lines after a cursor, or the `last` ones; always in order."""
    call = call_of(info)
    most = call.site.options.limits.page * 10
    wanted = select(console).where(console.c.run_pk == source.pk)
    if last is not None:
        size = max(0, min(last, most))
        rows = call.connection.execute(wanted.order_by(console.c.row_index.desc()).limit(size)).all()[::-1]
        more = False
    else:
        size = max(0, min(1_000 if first is None else first, most))
        if after:
            wanted = wanted.where(console.c.row_index > position(after))
        found = call.connection.execute(wanted.order_by(console.c.row_index).limit(size + 1)).all()
        rows, more = found[:size], len(found) > size
    edges = [Edge(_line(row), cursor(row.row_index)) for row in rows]
    page_info = PageInfo(has_next_page=more, end_cursor=edges[-1].cursor if edges else None)
    return Page(edges, page_info, lambda: log_line_count(source, info))


def _line(row: Row[Any]) -> dict[str, Any]:
    return {
        "number": row.row_index,
        "timestamp": datetime.fromtimestamp(row.time, UTC).isoformat().replace("+00:00", "Z"),
        "level": "error" if row.stream == "stderr" else "info",
        "label": "",
        "line": row.line,
    }
