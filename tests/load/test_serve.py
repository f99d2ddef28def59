"""``wabucket serve`` under load: many clients of W&B's SDK at once, and a history of a million rows."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.load.measure import is_quiet
from tests.load.serve import HUNDRED, Plan, measure
from tests.server.inprocess import Inside, inside
from wabucketref.model.run import RunKey, RunUpdate
from wabucketref.trackers.embedded.rows import insert_many, require_run
from wabucketref.trackers.embedded.schema import history
from wabucketref.trackers.embedded.tracker import EmbeddedTracker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

CEILING = 400
"""MiB."""
FLAT = 40
"""MiB that memory may move in the last third of the time."""


@pytest.mark.row("L1")
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
@pytest.mark.parametrize("plan", [Plan(), HUNDRED], ids=["processes", "hundred clients"])
def test_many_sdks_and_readers_at_once(
    plan: Plan, database: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """No row is lost or doubled, nobody gets an error, and memory has a ceiling and stays flat."""
    environ = {}
    if database == "postgresql":
        environ["WABUCKET_CATALOG"] = request.getfixturevalue("postgres_url")
    quiet = is_quiet()
    found = measure(plan, tmp_path, environ)
    print(found.row())
    assert (found.lost, found.doubled) == (0, 0)
    assert found.logged >= plan.clients * (plan.rows or 100)
    assert set(found.statuses) == {200}
    assert found.states == {"finished"}
    assert "internal error" not in found.said
    assert max(found.resident) <= CEILING
    assert found.growth <= FLAT
    if quiet:
        assert found.p99 < 1


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    """A run of a million rows of twenty keys."""
    directory = tmp_path_factory.mktemp("long")
    with inside(directory) as app:
        key = RunKey("writer", "p", "long")
        with closing(EmbeddedTracker(f"sqlite:///{app.site.catalog.file}")) as tracker:
            tracker.upsert_run(RunUpdate(key))
        for start in range(0, 1_000_000, 50_000):
            with app.site.write() as connection:
                pk, _ = require_run(connection, key)
                insert_many(connection, history, [row(pk, at) for at in range(start, start + 50_000)])
        yield app


def row(pk: int, at: int) -> tuple[Any, ...]:
    return pk, at, at, 1e9 + at, json.dumps({f"key{number}": at * 0.5 + number for number in range(20)})


@pytest.mark.row("L3")
def test_pages_and_samples_of_a_million_rows(long: Inside) -> None:
    page = """query Q($a: Int64, $b: Int64) { project(name: "p") { run(name: "long") {
              history(minStep: $a, maxStep: $b, samples: 10000) } } }"""
    sample = 'query Q($s: JSONString!) { project(name: "p") { run(name: "long") { sampledHistory(specs: [$s]) } } }'
    spec = json.dumps({"keys": ["_step", "key7"], "samples": 1_500})
    keys = '{ project(name: "p") { run(name: "long") { historyKeys historyLineCount } } }'
    took = {}
    for name, query, variables in (
        ("first page", page, {"a": 0, "b": 1_000}),
        ("middle page", page, {"a": 500_000, "b": 501_000}),
        ("sample", sample, {"s": spec}),
        ("keys", keys, {}),
    ):
        begun = time.process_time()
        answer = long.graphql({"query": query, "variables": variables})
        took[name] = time.process_time() - begun
        found = answer.json()["data"]["project"]["run"]
        if "page" in name:
            assert [json.loads(line)["_step"] for line in found["history"]] == list(range(*variables.values()))
        elif name == "sample":
            assert len(found["sampledHistory"][0]) == 1_500
        else:
            assert (found["historyLineCount"], found["historyKeys"]["lastStep"]) == (1_000_000, 999_999)
    print({name: f"{seconds * 1000:.0f} ms of CPU" for name, seconds in took.items()})
    assert max(took["first page"], took["middle page"]) < 2
    assert took["sample"] < 0.5
    assert took["keys"] < 2
