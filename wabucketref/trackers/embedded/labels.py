"""What runs are looked up by, kept in an index of its own: tags, ids of jobs, commits."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, or_, select, true

from wabucketref.model.run import COMMIT, JOB_ID, RunFilter, RunUpdate, facts_named, job_tag
from wabucketref.trackers.embedded.schema import run, run_label

TAG: Final = "tag"
MAX_LABEL: Final = 200
"""Characters: PostgreSQL indexes rows of at most 2,704 bytes. What is longer is kept, and looked for, cut."""
_JOB, _COMMIT = "job_id", "commit"


def label_of(text: str) -> str:
    """`text` as it is kept and looked for: short, and of characters that every database takes."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\0")[:MAX_LABEL]


def of_tags(tags: Sequence[str]) -> list[tuple[str, str]]:
    """(kind, label) of a run's tags."""
    return [(TAG, label_of(tag)) for tag in tags]


def of_job(job: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(kind, label) of the facts of a run's job."""
    ids = [(_JOB, label_of(one)) for one in facts_named(job, JOB_ID)]
    return ids + [(_COMMIT, label_of(one.lower())) for one in facts_named(job, COMMIT)]


def write(connection: Connection, run_pk: int, update: RunUpdate, *, fresh: bool) -> None:
    """Keep what `update` says of the run; what it leaves out stays."""
    rows: list[tuple[str, str]] = []
    gone: list[str] = []
    if update.tags is not None:
        rows, gone = of_tags(update.tags), [TAG]
    if update.job is not None:
        rows, gone = rows + of_job(update.job), [*gone, _JOB, _COMMIT]
    if gone and not fresh:
        connection.execute(run_label.delete().where(run_label.c.run_pk == run_pk, run_label.c.kind.in_(gone)))
    if rows:
        values = [{"run_pk": run_pk, "kind": kind, "label": label} for kind, label in dict.fromkeys(rows)]
        connection.execute(run_label.insert(), values)


def wanted(found: RunFilter) -> ColumnElement[bool]:
    """The condition on runs."""
    conditions = [_has(run_label.c.kind == TAG, run_label.c.label == label_of(tag)) for tag in found.tags]
    if found.job_id is not None:
        by_fact = and_(run_label.c.kind == _JOB, run_label.c.label == label_of(found.job_id))
        conditions.append(
            _has(or_(by_fact, and_(run_label.c.kind == TAG, run_label.c.label == label_of(job_tag(found.job_id)))))
        )
    if found.commit is not None:
        # hexadecimal digits have the same order everywhere, and none comes after f
        begins = and_(run_label.c.label >= found.commit, run_label.c.label < f"{found.commit}g")
        conditions.append(_has(run_label.c.kind == _COMMIT, begins))
    return and_(true(), *conditions)


def _has(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return run.c.id.in_(select(run_label.c.run_pk).where(*conditions))
