"""Lists of runs and of projects, in pages."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import func, select, true

from wabucketref.server.call import Call, Info, call_of
from wabucketref.server.paging import Page, page
from wabucketref.server.runs.filters import compile_filter, compile_order, order_key
from wabucketref.server.runs.projects import ProjectView, read_projects, select_projects
from wabucketref.server.runs.views import RunView, read_runs, select_runs
from wabucketref.trackers.embedded.schema import entity, run
from wabucketref.trackers.embedded.schema import project as projects

_TIMES: Final = {"": False, "+created_at": False, "created_at": False, "-created_at": True}


def runs_of_project(
    source: ProjectView,
    info: Info,
    filters: str | None = None,
    order: str | None = None,
    first: int | None = None,
    after: str | None = None,
) -> Page:
    """Runs that pass the filter. Without filter and order, or by time, the database pages."""
    call = call_of(info)
    most = call.site.options.limits.page
    if not _plain(filters) or _by_time(order) is None:
        found = _chosen(call, source, filters, order)
        return page(
            lambda offset, limit: found[offset : offset + limit],
            lambda: len(found),
            first=first,
            after=after,
            most=most,
        )
    columns = (run.c.created, run.c.id)
    columns_in_order = [column.desc() for column in columns] if _by_time(order) else list(columns)
    wanted = select_runs(run.c.project_pk == source.pk).order_by(*columns_in_order)
    return page(
        lambda offset, limit: read_runs(call.connection, wanted.offset(offset).limit(limit)),
        lambda: run_count(source, info),
        first=first,
        after=after,
        most=most,
    )


def run_count(source: ProjectView, info: Info, filters: str | None = None) -> int:
    """How many runs pass the filter."""
    call = call_of(info)
    if _plain(filters):
        count = select(func.count()).select_from(run).where(run.c.project_pk == source.pk)
        return call.connection.scalar(count) or 0
    return len(_chosen(call, source, filters, None))


def models(
    source: Any, info: Info, entity_name: str | None = None, first: int | None = None, after: str | None = None
) -> Page:
    """The projects of an entity, newest first; by default of who asks."""
    call = call_of(info)
    owner = entity.c.name == (entity_name or call.user.name)
    statement = select_projects().where(owner).order_by(projects.c.id.desc())
    counted = select(func.count()).select_from(projects).join(entity, entity.c.id == projects.c.entity_pk).where(owner)
    return page(
        lambda offset, limit: read_projects(call, true(), statement.offset(offset).limit(limit)),
        lambda: call.connection.scalar(counted) or 0,
        first=first,
        after=after,
        most=call.site.options.limits.page,
    )


def projects_of_entity(source: Any, info: Info, first: int | None = None, after: str | None = None) -> Page:
    """The projects of an entity."""
    return models(source, info, source["name"], first, after)


def _plain(filters: str | None) -> bool:
    return compile_filter(filters) is None


def _by_time(order: str | None) -> bool | None:
    """Whether an order by creation descends; None for other orders."""
    return _TIMES.get((order or "").strip())


def _chosen(call: Call, source: ProjectView, filters: str | None, order: str | None) -> Sequence[RunView]:
    """All runs that pass, in order; asked once a request."""
    key = ("runs", source.pk, filters, order)
    if key not in call.memo:
        call.memo[key] = _choose(call, source, filters, order)
    found: Sequence[RunView] = call.memo[key]
    return found


def _choose(call: Call, source: ProjectView, filters: str | None, order: str | None) -> Sequence[RunView]:
    predicate, ordered = compile_filter(filters), compile_order(order)
    statement = select_runs(run.c.project_pk == source.pk).order_by(run.c.created, run.c.id)
    found = [one for one in read_runs(call.connection, statement) if predicate is None or predicate(one)]
    if ordered is not None:
        read, descends = ordered
        found.sort(key=order_key(read), reverse=descends)
    return found
