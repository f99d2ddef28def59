"""Reading: rows to :class:`ArtifactInfo` and :class:`RunInfo`, a fixed number of statements whatever the count."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, select

from wabucketref.model.artifact import ArtifactInfo
from wabucketref.model.run import HistoryRow, RunInfo, RunKey, RunState
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


def with_names(statement: Select[Any]) -> Select[Any]:
    """Join a statement on versions with their sequence and type."""
    return statement.join(sequence, sequence.c.id == version.c.sequence_pk).join(
        artifact_type, artifact_type.c.id == sequence.c.type_pk
    )


def read_artifacts(connection: Connection, condition: ColumnElement[bool]) -> list[ArtifactInfo]:
    """The versions for which `condition` holds (on version, sequence, type), newest first."""
    wanted = with_names(
        select(version, artifact_type.c.name.label("type"), sequence.c.name.label("name")).select_from(version)
    )
    rows = connection.execute(wanted.where(condition).order_by(version.c.id.desc())).all()
    own = (version.c.id == alias.c.version_pk) & (version.c.sequence_pk == alias.c.sequence_pk)
    names = with_names(select(alias.c.version_pk, alias.c.alias).select_from(alias).join(version, own))
    found: defaultdict[int, list[str]] = defaultdict(list)
    for pk, name in connection.execute(names.where(condition)):
        found[pk].append(name)
    return [_artifact(row, found.get(row.id, [])) for row in rows]


def in_project(project_pk: int, kind: str | None, name: str | None) -> ColumnElement[bool]:
    """The living versions of a project, of one type or artifact if given."""
    found = LIVING & (artifact_type.c.project_pk == project_pk)
    if kind is not None:
        found &= artifact_type.c.name == kind
    return found if name is None else found & (sequence.c.name == name)


def read_runs(connection: Connection, condition: ColumnElement[bool], *, linked: bool = True) -> list[RunInfo]:
    """The runs for which `condition` holds (on run, project, entity), newest first.

    With `linked` False inputs and outputs are not looked up: a run just made has none.
    """
    rows = connection.execute(
        _with_project(
            select(run, project.c.name.label("project"), entity.c.name.label("entity"), job.c.facts).select_from(run)
        )
        .outerjoin(job, job.c.run_pk == run.c.id)
        .where(condition)
        .order_by(run.c.created.desc(), run.c.id.desc())
    ).all()
    if not rows or not linked:
        return [_run(row, (), ()) for row in rows]
    inputs = _references(connection, run_use, condition)
    outputs = _references(connection, run_output, condition)
    return [_run(row, inputs.get(row.id, ()), outputs.get(row.id, ())) for row in rows]


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


def _artifact(row: Row[Any], names: Sequence[str]) -> ArtifactInfo:
    return ArtifactInfo(
        type=row.type,
        name=row.name,
        alias=row.alias,
        version=f"v{row.number}",
        uri=row.uri,
        bucket=row.bucket,
        digest=row.digest,
        files=row.files,
        bytes=row.bytes,
        created=row.created,
        metadata=row.metadata,
        aliases=tuple(sorted(names, key=lambda name: (name != row.alias, name == "latest", name))),
        linked=row.linked,
    )


def _run(row: Row[Any], inputs: tuple[str, ...], outputs: tuple[str, ...]) -> RunInfo:
    return RunInfo(
        id=row.run_id,
        name=row.name,
        project=row.project,
        entity=row.entity,
        state=RunState(row.state),
        created=row.created,
        job_type=row.job_type,
        group=row.group_name,
        notes=row.notes,
        finished=row.finished,
        exit_code=row.exit_code,
        config=row.config,
        summary=row.summary,
        tags=tuple(row.tags),
        job=row.facts or {},
        inputs=inputs,
        outputs=outputs,
    )
