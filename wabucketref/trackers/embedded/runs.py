"""Writing runs: create, merge, log, end."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from wabucketref.model.run import ConsoleLine, HistoryRow, RunInfo, RunKey, RunState, RunUpdate
from wabucketref.trackers.embedded import labels
from wabucketref.trackers.embedded.records import read_run
from wabucketref.trackers.embedded.rows import (
    ensure_project,
    insert,
    insert_many,
    insert_missing,
    require_run,
)
from wabucketref.trackers.embedded.rows import update as change_row
from wabucketref.trackers.embedded.sql import change, decode, encode, first, on_server

if TYPE_CHECKING:
    from wabucketref.trackers.embedded.sql import Link

_KNOWN: Final = "SELECT id, config, summary FROM run WHERE project_pk = :project_pk AND run_id = :run_id"


def upsert(link: "Link", update: RunUpdate) -> RunInfo:
    """Create the run or merge `update` into it."""
    project_pk = ensure_project(link, (update.key.entity, update.key.project))
    pk = insert_missing(link, "run", _fresh(update, project_pk))
    if pk is None:
        return read_run(link, _merge(link, project_pk, update))
    if update.job is not None:
        insert(link, "job", {"run_pk": pk, "facts": update.job})
    labels.write(link, pk, update, fresh=True)
    return read_run(link, pk, linked=False)


def add_history(link: "Link", key: RunKey, rows: Sequence[HistoryRow]) -> None:
    """Store rows with an index not seen before."""
    run_pk, _ = require_run(link, key)
    found = [(run_pk, row.index, row.step, row.time, row.values_json or encode(dict(row.values))) for row in rows]
    insert_many(link, "history", ("run_pk", "row_index", "step", "time", "data"), found)


def add_console(link: "Link", key: RunKey, lines: Sequence[ConsoleLine]) -> None:
    """Store lines with an index not seen before."""
    run_pk, _ = require_run(link, key)
    found = [(run_pk, line.index, line.stream, line.time, encode(line.text)) for line in lines]
    insert_many(link, "console", ("run_pk", "row_index", "stream", "time", "line"), found)


def finish(link: "Link", key: RunKey, state: RunState, exit_code: int) -> None:
    """End the run unless it has ended; ``crashed`` was a guess that any other end corrects."""
    run_pk, _ = require_run(link, key)
    guess = RunState.RUNNING if state is RunState.CRASHED else RunState.CRASHED
    change(
        link,
        "UPDATE run SET state = :state, exit_code = :exit_code, finished = :finished "
        "WHERE id = :pk AND state IN (:running, :guess)",
        state=str(state),
        exit_code=exit_code,
        finished=datetime.now(UTC),
        pk=run_pk,
        running=str(RunState.RUNNING),
        guess=str(guess),
    )


def _merge(link: "Link", project_pk: int, update: RunUpdate) -> int:
    statement = _KNOWN + (" FOR NO KEY UPDATE" if on_server(link) else "")
    found = first(link, statement, project_pk=project_pk, run_id=update.key.run_id)
    pk = int(found[0])
    changes = _changes(update, decode(found[1]), decode(found[2]))
    if update.created is not None:  # only a starting session says so: the run goes on
        changes |= {"state": str(RunState.RUNNING), "finished": None, "exit_code": None}
        changes.pop("created", None)
    if changes:
        change_row(link, "run", pk, changes)
    if update.job is not None:
        _set_job(link, pk, update.job)
    labels.write(link, pk, update, fresh=False)
    return pk


def _fresh(update: RunUpdate, project_pk: int) -> dict[str, Any]:
    defaults = {
        "project_pk": project_pk,
        "run_id": update.key.run_id,
        "name": update.key.run_id,
        "state": str(RunState.RUNNING),
        "created": datetime.now(UTC),
        "tags": [],
        "config": {},
        "summary": {},
    }
    return defaults | _changes(update, {}, {})


def _changes(update: RunUpdate, config: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any]:
    """Columns to set. A key both removed and given in one update keeps the given value."""
    plain = {
        "name": update.name,
        "job_type": update.job_type,
        "group_name": update.group,
        "notes": update.notes,
        "tags": None if update.tags is None else list(update.tags),
        "created": update.created,
        "config": _merged(config, update.config, update.config_removed),
        "summary": _merged(summary, update.summary, update.summary_removed),
    }
    return {column: value for column, value in plain.items() if value is not None}


def _merged(old: Mapping[str, Any], new: Mapping[str, Any] | None, removed: Sequence[str]) -> dict[str, Any] | None:
    if new is None and not removed:
        return None
    kept = {key: value for key, value in old.items() if key not in removed}
    return kept | dict(new or {})


def _set_job(link: "Link", run_pk: int, facts: Mapping[str, Any]) -> None:
    changed = change(link, "UPDATE job SET facts = :facts WHERE run_pk = :run_pk", facts=facts, run_pk=run_pk)
    if changed == 0:
        insert(link, "job", {"run_pk": run_pk, "facts": facts})
