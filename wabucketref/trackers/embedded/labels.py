"""What runs are looked up by, kept in an index of its own: tags, ids of jobs, commits."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from wabucketref.model.run import COMMIT, JOB_ID, RunUpdate, facts_named
from wabucketref.trackers.embedded.rows import insert
from wabucketref.trackers.embedded.sql import change

if TYPE_CHECKING:
    from wabucketref.trackers.embedded.sql import Link

TAG: Final = "tag"
MAX_LABEL: Final = 200
"""Characters: PostgreSQL indexes rows of at most 2,704 bytes. What is longer is kept, and looked for, cut."""
JOB, COMMITS = "job_id", "commit"


def label_of(text: str) -> str:
    """`text` as it is kept and looked for: short, and of characters that every database takes."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\0")[:MAX_LABEL]


def of_tags(tags: Sequence[str]) -> list[tuple[str, str]]:
    """(kind, label) of a run's tags."""
    return [(TAG, label_of(tag)) for tag in tags]


def of_job(job: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(kind, label) of the facts of a run's job."""
    ids = [(JOB, label_of(one)) for one in facts_named(job, JOB_ID)]
    return ids + [(COMMITS, label_of(one.lower())) for one in facts_named(job, COMMIT)]


def write(link: "Link", run_pk: int, update: RunUpdate, *, fresh: bool) -> None:
    """Keep what `update` says of the run; what it leaves out stays."""
    rows: list[tuple[str, str]] = []
    gone: list[str] = []
    if update.tags is not None:
        rows, gone = of_tags(update.tags), [TAG]
    if update.job is not None:
        rows, gone = rows + of_job(update.job), [*gone, JOB, COMMITS]
    for kind in () if fresh else gone:
        change(link, "DELETE FROM run_label WHERE run_pk = :run_pk AND kind = :kind", run_pk=run_pk, kind=kind)
    for kind, label in dict.fromkeys(rows):
        insert(link, "run_label", {"run_pk": run_pk, "kind": kind, "label": label})
