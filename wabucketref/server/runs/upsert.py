"""``upsertBucket``: a run is made, or changed."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection

from wabucketref.errors import NotFound, Unsupported, UsageError
from wabucketref.model.names import check_project
from wabucketref.model.run import RunKey, RunState, RunUpdate
from wabucketref.server.call import Call, Info, call_of
from wabucketref.server.runs.detail import change_detail
from wabucketref.server.runs.projects import UNCATEGORIZED
from wabucketref.server.runs.views import INTERNAL, RunView, run_by_id, run_by_key
from wabucketref.settings.checks import check_run_id
from wabucketref.trackers.embedded import runs
from wabucketref.trackers.embedded.schema import run

_PHASES: Final = ("pending", "preempting", "preempted")
_DETAILS: Final = {
    "description": "description",
    "host": "host",
    "job_program": "program",
    "job_repo": "repository",
    "commit": "revision",
    "sweep": "sweep",
}
"""Field of the input to column."""


def upsert_bucket(source: Any, info: Info, input: Mapping[str, Any]) -> dict[str, Any]:
    """Make or change a run. Harmless to repeat."""
    call = call_of(info)
    given = {name: value for name, value in input.items() if value is not None}
    before = _named(call, given)
    key = before.key if before is not None else _new_key(call, given)
    config, internal = _split_config(given.get("config"))
    _refuse_fork(key, internal)
    update = RunUpdate(
        key=key,
        name=given.get("display_name") or None,
        job_type=given.get("job_type"),
        group=given.get("group_name"),
        notes=given.get("notes"),
        tags=tuple(given["tags"]) if "tags" in given else None,
        config=config,
        config_removed=_gone(before.row.config if before else {}, config),
        summary=(summary := parsed_object(given.get("summary_metrics"), "summaryMetrics")),
        summary_removed=_gone(before.row.summary if before else {}, summary),
    )
    runs.upsert(call.connection, update)
    after = _require(call.connection, key)
    details = {column: given[name] for name, column in _DETAILS.items() if name in given}
    if internal is not None:
        details["internal"] = internal
    if before is None:
        details |= {"account_pk": call.user.pk, "heartbeat": datetime.now(UTC)}
    details |= _set_state(call.connection, after, given.get("state"))
    change_detail(call.connection, after.pk, details)
    return {"bucket": _require(call.connection, key), "inserted": before is None}


def parsed_object(text: str | None, field: str) -> dict[str, Any] | None:
    """The JSON object in a field.

    Raises:
        UsageError: it is none.
    """
    if text is None:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{field} is not JSON") from error
    if not isinstance(found, dict):
        raise UsageError(f"{field} is not a JSON object")
    return found


def _split_config(text: str | None) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Values by key, and what the SDK keeps for itself."""
    wrapped = parsed_object(text, "config")
    if wrapped is None:
        return None, None
    plain = {
        key: value["value"] if isinstance(value, dict) and "value" in value else value for key, value in wrapped.items()
    }
    internal = plain.pop(INTERNAL, None)
    return plain, internal if isinstance(internal, dict) else None


def _refuse_fork(key: RunKey, internal: Mapping[str, Any] | None) -> None:
    """A fork begins with rows of another run, which are not joined here: better none than half a run."""
    point = (internal or {}).get("branch_point")
    if isinstance(point, dict) and point.get("run_id") not in (None, key.run_id):
        raise Unsupported("runs cannot be forked on this server", hint="resume or rewind the run itself")


def _gone(before: Mapping[str, Any], after: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Keys that are no more: the SDK always tells the whole."""
    return () if after is None else tuple(key for key in before if key not in after)


def _named(call: Call, given: Mapping[str, Any]) -> RunView | None:
    """The run that the input names, if it exists."""
    if "id" in given:
        found = run_by_id(call.connection, given["id"])
        if found is None:
            raise NotFound("there is no run with this id")
        return found
    return run_by_key(call.connection, _key(call, given)) if given.get("name") else None


def _key(call: Call, given: Mapping[str, Any]) -> RunKey:
    entity = given.get("entity_name") or call.user.name
    return RunKey(entity, given.get("model_name") or UNCATEGORIZED, given.get("name", ""))


def _new_key(call: Call, given: Mapping[str, Any]) -> RunKey:
    key = _key(call, given)
    check_project(key.entity, "entity")
    check_project(key.project, "project")
    check_run_id(key.run_id)
    return key


def _require(connection: Connection, key: RunKey) -> RunView:
    found = run_by_key(connection, key)
    assert found is not None
    return found


def _set_state(connection: Connection, view: RunView, state: str | None) -> dict[str, Any]:
    """Set the state that the input asks for; further columns of the detail to set."""
    if state is None:
        return {}
    if state in _PHASES:
        state, phase = str(RunState.RUNNING), state
    elif state in list(RunState):
        phase = None
    else:
        raise UsageError(f"{state[:50]!r} is no state of a run", hint=f"one of {', '.join([*RunState, *_PHASES])}")
    ended = None if state == RunState.RUNNING else datetime.now(UTC)
    connection.execute(run.update().where(run.c.id == view.pk).values(state=state, finished=ended))
    return {"phase": phase, "heartbeat": datetime.now(UTC)}
