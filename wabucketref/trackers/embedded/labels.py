"""What runs are looked up by, kept in an index of its own: tags, ids of jobs, commits."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, or_, select, true

from wabucketref.model.run import COMMIT, JOB_ID, RunFilter, RunUpdate, facts_named, job_tag
from wabucketref.trackers.embedded.schema import run, run_label

TAG: Final = "tag"
_FACTS: Final = {JOB_ID: "job_id", COMMIT: "commit"}


def of_tags(tags: Sequence[str]) -> list[tuple[str, str]]:
    """(kind, label) of a run's tags."""
    return [(TAG, tag) for tag in dict.fromkeys(tags)]


def of_job(job: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(kind, label) of the facts of a run's job."""
    return [(kind, one) for name, kind in _FACTS.items() for one in dict.fromkeys(facts_named(job, name))]


def write(connection: Connection, run_pk: int, update: RunUpdate, *, fresh: bool) -> None:
    """Keep what `update` says of the run; what it leaves out stays."""
    rows: list[tuple[str, str]] = []
    gone: list[str] = []
    if update.tags is not None:
        rows, gone = of_tags(update.tags), [TAG]
    if update.job is not None:
        rows, gone = rows + of_job(update.job), [*gone, *_FACTS.values()]
    if gone and not fresh:
        connection.execute(run_label.delete().where(run_label.c.run_pk == run_pk, run_label.c.kind.in_(gone)))
    rows = [row for row in rows if "\0" not in row[1]]  # which PostgreSQL has no place for, and nobody looks for
    if rows:
        values = [{"run_pk": run_pk, "kind": kind, "label": label} for kind, label in rows]
        connection.execute(run_label.insert(), values)


def wanted(found: RunFilter) -> ColumnElement[bool]:
    """The condition on runs."""
    conditions = [_has(run_label.c.kind == TAG, run_label.c.label == tag) for tag in found.tags]
    if found.job_id is not None:
        by_fact = and_(run_label.c.kind == _FACTS[JOB_ID], run_label.c.label == found.job_id)
        conditions.append(_has(or_(by_fact, and_(run_label.c.kind == TAG, run_label.c.label == job_tag(found.job_id)))))
    if found.commit is not None:
        # hexadecimal digits have the same order everywhere, and none comes after f
        begins = and_(run_label.c.label >= found.commit, run_label.c.label < f"{found.commit}g")
        conditions.append(_has(run_label.c.kind == _FACTS[COMMIT], begins))
    return and_(true(), *conditions)


def _has(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return run.c.id.in_(select(run_label.c.run_pk).where(*conditions))
