"""Projects made; runs deleted, moved to another state, stopped, rewound."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import select

from wabucketref.errors import Conflict, NotFound, Unsupported, UsageError
from wabucketref.model.names import check_project
from wabucketref.model.run import RunKey, RunState
from wabucketref.server import ids
from wabucketref.server.call import Call, Info, call_of
from wabucketref.server.runs.detail import change_detail
from wabucketref.server.runs.projects import UNCATEGORIZED, read_projects
from wabucketref.server.runs.rows import STEP, history_line
from wabucketref.server.runs.views import RunView, run_by_id, run_by_key
from wabucketref.trackers.embedded.rows import ensure_project, find_project
from wabucketref.trackers.embedded.schema import (
    console,
    history,
    job,
    project,
    run,
    run_label,
    run_output,
    run_use,
    version,
)
from wabucketref.trackers.embedded.served import run_detail, run_event

_MOVES: Final = {
    "pending": ("running", "failed", "crashed", "preempted"),
    "failed": ("pending", "running"),
}
"""To which state from which ones; the SDK documents these."""


def upsert_model(source: Any, info: Info, input: Mapping[str, Any]) -> dict[str, Any]:
    """Make a project, unless it is there."""
    call = call_of(info)
    name = check_project(input.get("name") or UNCATEGORIZED)
    owner = check_project(input.get("entity_name") or call.user.name, "entity")
    pk = find_project(call.connection, (owner, name))
    inserted = pk is None
    if pk is None:
        pk = ensure_project(call.connection, (owner, name))
    made = read_projects(call, project.c.id == pk)[0]
    return {"project": made, "model": made, "inserted": inserted}


def delete_run(source: Any, info: Info, input: Mapping[str, Any]) -> dict[str, Any]:
    """Delete a run with its rows and files. Artifacts that it made stay, unless they shall go too.

    Nothing to do when it is gone: whoever lost the first answer asks again.
    """
    call = call_of(info)
    view = run_by_id(call.connection, input["id"])
    if view is None:
        return {}
    for hook in call.site.run_deleted:
        call.discarded.extend(hook(call.connection, view.pk, bool(input.get("delete_artifacts"))))
    for table in (history, console, run_event, run_detail, run_label, job, run_use, run_output):
        call.connection.execute(table.delete().where(table.c.run_pk == view.pk))
    call.connection.execute(version.update().where(version.c.producer_pk == view.pk).values(producer_pk=None))
    call.connection.execute(run.delete().where(run.c.id == view.pk))
    return {}


def update_run_state(source: Any, info: Info, input: Mapping[str, Any]) -> dict[str, Any]:
    """Move a run to ``pending`` or ``failed``."""
    call = call_of(info)
    view, wanted = _require(call, input["id"]), input["state"]
    if wanted not in _MOVES:
        raise UsageError(f"a run cannot be moved to {wanted[:50]!r}", hint=f"only to {' or '.join(_MOVES)}")
    if view.state() not in _MOVES[wanted]:
        raise Conflict(f"invalid state transition: a run that is {view.state()} cannot become {wanted}")
    now, pending = datetime.now(UTC), wanted == "pending"
    state = RunState.RUNNING if pending else RunState.FAILED
    ended = None if pending else now
    call.connection.execute(run.update().where(run.c.id == view.pk).values(state=str(state), finished=ended))
    change_detail(call.connection, view.pk, {"phase": "pending" if pending else None, "heartbeat": now})
    return {"success": True}


def stop_run(source: Any, info: Info, input: Mapping[str, Any]) -> dict[str, Any]:
    """Ask a run to end; its client learns of it by its next word."""
    call = call_of(info)
    change_detail(call.connection, _require(call, input["id"]).pk, {"stop": True})
    return {"success": True}


def rewind_run(source: Any, info: Info, input: Mapping[str, Any]) -> dict[str, Any]:
    """Forget the rows after a step; the summary becomes the last row left."""
    call = call_of(info)
    if input["metric_name"] != STEP:
        raise Unsupported("runs can be rewound by _step only")
    key = RunKey(
        input.get("entity_name") or call.user.name, input.get("project_name") or UNCATEGORIZED, input["run_name"]
    )
    view = run_by_key(call.connection, key)
    if view is None:
        raise NotFound(f"run {key.run_id} is not in project {key.entity}/{key.project}")
    here = history.c.run_pk == view.pk
    call.connection.execute(history.delete().where(here, history.c.step > input["metric_value"]))
    last = call.connection.execute(select(history).where(here).order_by(history.c.row_index.desc()).limit(1)).first()
    summary = {} if last is None else history_line(last)
    call.connection.execute(
        run.update().where(run.c.id == view.pk).values(summary=summary, state=str(RunState.RUNNING), finished=None)
    )
    return {"rewound_run": run_by_key(call.connection, key)}


def _require(call: Call, id: str) -> RunView:
    found = run_by_id(call.connection, id)
    if found is None:
        raise NotFound(f"there is no run with the id {ids.shown(id)}")
    return found
