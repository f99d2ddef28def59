"""What runs are looked up by lies in an index of its own, also in catalogs of earlier releases."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.unit.trackers.helpers import PROJECT, run
from wabucketref.model.run import RunFilter
from wabucketref.trackers.embedded.tracker import EmbeddedTracker


def found(tracker: EmbeddedTracker, **wanted: Any) -> list[str]:
    return [one.id for one in tracker.list_runs(PROJECT, RunFilter(**wanted))]


def test_runs_are_found_by_index(url: str) -> None:
    with closing(EmbeddedTracker(url)) as tracker:
        run(tracker, "r1", tags=("a", "a"), job={"vcs.ref.head.revision": "abcd" * 10})
        assert found(tracker, commit="abcdab", tags=("a",)) == ["r1"]
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as raw:
        plan = raw.execute(
            "EXPLAIN QUERY PLAN SELECT run_pk FROM run_label WHERE kind = 'commit' AND label >= 'a' AND label < 'ag'"
        ).fetchall()
    assert "USING" in str(plan)
    assert "ix_run_label_kind_label" in str(plan)


def test_runs_of_an_earlier_release_are_found(url: str) -> None:
    path = Path(url.removeprefix("sqlite:///"))
    with closing(EmbeddedTracker(url)) as tracker:
        run(tracker, "r1", tags=("blue",), job={"vcs.ref.head.revision": "abcd" * 10, "cicd.pipeline.task.run.id": "9"})
        run(tracker, "r2")
    with closing(sqlite3.connect(path)) as raw, raw:
        assert json.loads(raw.execute("SELECT tags FROM run WHERE run_id = 'r1'").fetchone()[0]) == ["blue"]
        raw.execute("DROP TABLE run_label")
        raw.execute("UPDATE alembic_version SET version_num = '0003'")
    with closing(EmbeddedTracker(url)) as tracker:
        for wanted in ({"tags": ("blue",)}, {"commit": "abcd"}, {"job_id": "9"}):
            assert found(tracker, **wanted) == ["r1"]


@pytest.mark.parametrize("label", ["it's", "100%", "a_b", "x\0y", "\udcff", "ß🙂", "'; DROP TABLE run; --", ""])
def test_any_text_may_be_a_tag(url: str, label: str) -> None:
    with closing(EmbeddedTracker(url)) as tracker:
        run(tracker, "r1", tags=(label,))
        run(tracker, "r2", tags=("other",))
        assert found(tracker, tags=(label,)) == ["r1"]
        assert found(tracker, tags=("%",)) == found(tracker, tags=("a%",)) == []


def test_a_commit_in_capitals(url: str) -> None:
    with closing(EmbeddedTracker(url)) as tracker:
        run(tracker, "r1", job={"vcs.ref.head.revision": "ABCD" * 10})
        assert found(tracker, commit="abcda") == ["r1"]


def test_a_job_that_is_long_is_found_by_its_whole_id_and_by_tag(url: str) -> None:
    long = "ü" * 1024  # more bytes than PostgreSQL takes into an index
    with closing(EmbeddedTracker(url)) as tracker:
        run(tracker, "r1", job={"slurm.cicd.pipeline.task.run.id": long})
        run(tracker, "r2", tags=(f"job_id:{long}"[:64],))
        run(tracker, "r3", job={"cicd.pipeline.task.run.id": long[:100]})
        assert sorted(found(tracker, job_id=long)) == ["r1", "r2"]
