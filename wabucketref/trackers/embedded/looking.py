"""Looking at what is recorded: lists, one run, its rows."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, or_, select, true

from wabucketref.errors import NotFound
from wabucketref.model.artifact import ArtifactInfo
from wabucketref.model.nearest import nearest
from wabucketref.model.run import HistoryRow, RunFilter, RunInfo, RunKey, job_tag
from wabucketref.trackers.embedded import infos
from wabucketref.trackers.embedded.labels import COMMITS, JOB, TAG, label_of
from wabucketref.trackers.embedded.resolve import NEAREST_AMONG
from wabucketref.trackers.embedded.rows import find_project
from wabucketref.trackers.embedded.schema import run as runs_
from wabucketref.trackers.embedded.schema import run_label


def artifacts(
    connection: Connection, project: tuple[str, str], type: str | None, name: str | None
) -> Sequence[ArtifactInfo]:
    """See :meth:`EmbeddedTracker.list_artifacts`."""
    project_pk = find_project(connection, project)
    if project_pk is None:
        return []
    return infos.read_artifacts(connection, infos.in_project(project_pk, type, name))


def runs(connection: Connection, project: tuple[str, str], wanted: RunFilter) -> Sequence[RunInfo]:
    """The runs of a project, newest first."""
    project_pk = find_project(connection, project)
    if project_pk is None:
        return []
    return infos.read_runs(connection, (runs_.c.project_pk == project_pk) & _wanted(wanted))


def run(connection: Connection, key: RunKey) -> RunInfo:
    """One run.

    Raises:
        NotFound: with the nearest id of the project as a hint.
    """
    project_pk = find_project(connection, (key.entity, key.project))
    here = runs_.c.project_pk == project_pk
    found = infos.read_runs(connection, here & (runs_.c.run_id == key.run_id))
    if found:
        return found[0]
    others = select(runs_.c.run_id).where(here).order_by(runs_.c.id.desc()).limit(NEAREST_AMONG)
    near = nearest(key.run_id, connection.scalars(others))
    raise NotFound(
        f"run {key.run_id} is not in project {key.entity}/{key.project}",
        hint=f"did you mean {near}?" if near else "see `wabucket runs`",
    )


def history(connection: Connection, key: RunKey) -> Sequence[HistoryRow]:
    """All rows of a run in order of index."""
    return infos.read_history(connection, key)


def _wanted(found: RunFilter) -> ColumnElement[bool]:
    """The condition on runs."""
    conditions = [_has(run_label.c.kind == TAG, run_label.c.label == label_of(tag)) for tag in found.tags]
    if found.job_id is not None:
        by_fact = and_(run_label.c.kind == JOB, run_label.c.label == label_of(found.job_id))
        conditions.append(
            _has(or_(by_fact, and_(run_label.c.kind == TAG, run_label.c.label == label_of(job_tag(found.job_id)))))
        )
    if found.commit is not None:
        # hexadecimal digits have the same order everywhere, and none comes after f
        begins = and_(run_label.c.label >= found.commit, run_label.c.label < f"{found.commit}g")
        conditions.append(_has(run_label.c.kind == COMMITS, begins))
    return and_(true(), *conditions)


def _has(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return runs_.c.id.in_(select(run_label.c.run_pk).where(*conditions))
