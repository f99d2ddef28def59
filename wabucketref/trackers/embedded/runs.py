"""Writing runs: create, merge, log, end."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, or_, select

from wabucketref.model.run import ConsoleLine, HistoryRow, RunInfo, RunKey, RunState, RunUpdate
from wabucketref.trackers.embedded import labels
from wabucketref.trackers.embedded.infos import read_runs
from wabucketref.trackers.embedded.rows import ensure, find_project, insert_many, insert_missing, require_run
from wabucketref.trackers.embedded.schema import console, entity, history, job, project, run
from wabucketref.trackers.embedded.types import encode


def upsert(connection: Connection, update: RunUpdate) -> RunInfo:
    """Create the run or merge `update` into it."""
    project_pk = ensure_project(connection, (update.key.entity, update.key.project))
    pk = insert_missing(connection, run, _fresh(update, project_pk))
    if pk is not None:
        if update.job is not None:
            connection.execute(job.insert().values(run_pk=pk, facts=dict(update.job)))
        labels.write(connection, pk, update, fresh=True)
        return read_runs(connection, run.c.id == pk, linked=False)[0]
    return read_runs(connection, run.c.id == _merge(connection, project_pk, update))[0]


def add_history(connection: Connection, key: RunKey, rows: Sequence[HistoryRow]) -> None:
    """Store rows with an index not seen before."""
    run_pk, _ = require_run(connection, key)
    found = [(run_pk, row.index, row.step, row.time, row.values_json or encode(dict(row.values))) for row in rows]
    insert_many(connection, history, found)


def add_console(connection: Connection, key: RunKey, lines: Sequence[ConsoleLine]) -> None:
    """Store lines with an index not seen before."""
    run_pk, _ = require_run(connection, key)
    found = [(run_pk, line.index, line.stream, line.time, encode(line.text)) for line in lines]
    insert_many(connection, console, found)


def finish(connection: Connection, key: RunKey, state: RunState, exit_code: int) -> None:
    """End the run unless it has ended; ``crashed`` was a guess that any other end corrects."""
    run_pk, _ = require_run(connection, key)
    open_ended = run.c.state == RunState.RUNNING
    if state is not RunState.CRASHED:
        open_ended = or_(open_ended, run.c.state == RunState.CRASHED)
    connection.execute(
        run.update()
        .where(run.c.id == run_pk, open_ended)
        .values(state=str(state), exit_code=exit_code, finished=datetime.now(UTC))
    )


def ensure_project(connection: Connection, name: tuple[str, str]) -> int:
    """The pk of the project (entity, project), which is made when there is none."""
    found = find_project(connection, name)
    if found is not None:
        return found
    entity_pk = ensure(connection, entity, {"name": name[0]})
    return ensure(connection, project, {"entity_pk": entity_pk, "name": name[1]})


def _merge(connection: Connection, project_pk: int, update: RunUpdate) -> int:
    pk, config, summary = connection.execute(
        select(run.c.id, run.c.config, run.c.summary)
        .where(run.c.project_pk == project_pk, run.c.run_id == update.key.run_id)
        .with_for_update(key_share=True)
    ).one()
    changes = _changes(update, config, summary)
    if update.created is not None:  # only a starting session says so: the run goes on
        changes |= {"state": str(RunState.RUNNING), "finished": None, "exit_code": None}
        changes.pop("created", None)
    if changes:
        connection.execute(run.update().where(run.c.id == pk).values(**changes))
    if update.job is not None:
        _set_job(connection, pk, update.job)
    labels.write(connection, pk, update, fresh=False)
    return int(pk)


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


def _set_job(connection: Connection, run_pk: int, facts: Mapping[str, Any]) -> None:
    changed = connection.execute(job.update().where(job.c.run_pk == run_pk).values(facts=dict(facts)))
    if changed.rowcount == 0:
        connection.execute(job.insert().values(run_pk=run_pk, facts=dict(facts)))
