"""Reading many: rows to :class:`ArtifactInfo` and :class:`RunInfo`, a fixed number of statements whatever the count."""

from collections import defaultdict
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, select

from wabucketref.model.artifact import ArtifactInfo
from wabucketref.model.run import HistoryRow, RunInfo, RunKey
from wabucketref.trackers.embedded.records import artifact_of, run_of
from wabucketref.trackers.embedded.rows import require_run
from wabucketref.trackers.embedded.schema import (
    alias,
    artifact_type,
    entity,
    history,
    job,
    project,
    run,
    run_output,
    run_use,
    sequence,
    version,
)

LIVING = version.c.removed.is_(None) & version.c.replaced_by.is_(None)
"""Versions whose files are still there, as far as this catalog knows."""

_VERSION = (
    artifact_type.c.name,
    sequence.c.name,
    *(version.c[name] for name in ("alias", "number", "uri", "bucket", "digest", "files", "bytes")),
    *(version.c[name] for name in ("created", "metadata", "linked")),
)
_RUN = (
    run.c.run_id,
    run.c.name,
    project.c.name,
    entity.c.name,
    *(run.c[name] for name in ("state", "created", "job_type", "group_name", "notes", "finished", "exit_code")),
    *(run.c[name] for name in ("config", "summary", "tags")),
    job.c.facts,
)
"""In the order of ``records.py``."""


def with_names(statement: Select[Any]) -> Select[Any]:
    """Join a statement on versions with their sequence and type."""
    return statement.join(sequence, sequence.c.id == version.c.sequence_pk).join(
        artifact_type, artifact_type.c.id == sequence.c.type_pk
    )


def read_artifacts(connection: Connection, condition: ColumnElement[bool]) -> list[ArtifactInfo]:
    """The versions for which `condition` holds (on version, sequence, type), newest first."""
    wanted = with_names(select(version.c.id, *_VERSION).select_from(version))
    rows = connection.execute(wanted.where(condition).order_by(version.c.id.desc())).all()
    own = (version.c.id == alias.c.version_pk) & (version.c.sequence_pk == alias.c.sequence_pk)
    names = with_names(select(alias.c.version_pk, alias.c.alias).select_from(alias).join(version, own))
    found: defaultdict[int, list[str]] = defaultdict(list)
    for pk, name in connection.execute(names.where(condition)):
        found[pk].append(name)
    return [artifact_of(row[1:], found.get(row[0], [])) for row in rows]


def in_project(project_pk: int, kind: str | None, name: str | None) -> ColumnElement[bool]:
    """The living versions of a project, of one type or artifact if given."""
    found = LIVING & (artifact_type.c.project_pk == project_pk)
    if kind is not None:
        found &= artifact_type.c.name == kind
    return found if name is None else found & (sequence.c.name == name)


def read_runs(connection: Connection, condition: ColumnElement[bool]) -> list[RunInfo]:
    """The runs for which `condition` holds (on run, project, entity), newest first."""
    rows = connection.execute(
        _with_project(select(run.c.id, *_RUN).select_from(run))
        .outerjoin(job, job.c.run_pk == run.c.id)
        .where(condition)
        .order_by(run.c.created.desc(), run.c.id.desc())
    ).all()
    if not rows:
        return []
    inputs = _references(connection, run_use, condition)
    outputs = _references(connection, run_output, condition)
    return [run_of(row[1:], inputs.get(row[0], ()), outputs.get(row[0], ())) for row in rows]


def read_history(connection: Connection, key: RunKey) -> list[HistoryRow]:
    """All rows of a run in order of index."""
    run_pk, _ = require_run(connection, key)
    columns = (history.c.row_index, history.c.step, history.c.time, history.c.data)
    rows = connection.execute(select(*columns).where(history.c.run_pk == run_pk).order_by(history.c.row_index))
    return [HistoryRow(index, step, time, values) for index, step, time, values in rows]


def _with_project(statement: Select[Any]) -> Select[Any]:
    return statement.join(project, project.c.id == run.c.project_pk).join(entity, entity.c.id == project.c.entity_pk)


def _references(connection: Connection, link: Table, condition: ColumnElement[bool]) -> dict[int, tuple[str, ...]]:
    """References of what each run used (or made), in the order it did so, each once."""
    statement = (
        select(link.c.run_pk, artifact_type.c.name, sequence.c.name, version.c.alias)
        .select_from(run)
        .join(link, link.c.run_pk == run.c.id)
        .join(version, version.c.id == link.c.version_pk)
    )
    rows = connection.execute(with_names(_with_project(statement)).where(condition).order_by(link.c.id))
    found: defaultdict[int, dict[str, None]] = defaultdict(dict)
    for run_pk, kind, name, first in rows:
        found[run_pk][f"{kind}/{name}:{first}"] = None
    return {run_pk: tuple(references) for run_pk, references in found.items()}
