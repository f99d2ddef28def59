"""``wabucket serve`` under load: many clients of W&B's SDK at once, and a history of a million rows."""

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.load.measure import Watch, is_quiet
from tests.server.inprocess import Inside, inside
from tests.server.live import ask, started
from tests.server.sdk import Sdk
from wabucketref.model.run import RunKey, RunUpdate
from wabucketref.testing.server import user_name
from wabucketref.trackers.embedded.rows import insert_many, require_run
from wabucketref.trackers.embedded.schema import history
from wabucketref.trackers.embedded.tracker import EmbeddedTracker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

CLIENTS = int(os.environ.get("SERVE_CLIENTS", "20"))
READERS = 20
ROWS = 1_000
CEILING = 400
"""MiB."""
QUERY = """query Q($n: String!) { project(name: "p") { runCount runs(first: 20) { edges { node { name state } } }
           run(name: $n) { history(samples: 100) historyLineCount } } }"""


@pytest.mark.row("L1")
def test_many_sdks_and_readers_at_once(tmp_path: Path) -> None:
    """No row is lost or doubled, nobody gets a 5xx, and memory has a ceiling."""
    script = f"""
    with wandb.init(project="p", id=os.environ["RUN"], settings=wandb.Settings(x_disable_stats=True)) as run:
        for step in range({ROWS}):
            run.log({{"x": step, "y": step * 0.5}})
    """
    user = user_name()
    with started(tmp_path / "live") as server:
        watch, stop = Watch(server.process.pid), threading.Event()
        latencies: list[float] = []
        statuses: set[int] = set()

        def read() -> None:
            body = json.dumps({"query": QUERY, "variables": {"n": "r0"}}).encode()
            while not stop.wait(0.2):
                begun = time.perf_counter()
                statuses.add(ask(server, "POST", "/graphql", body, key=user)[0])
                latencies.append(time.perf_counter() - begun)

        readers = [threading.Thread(target=read) for _ in range(READERS)]
        clients = [Sdk(server, user, tmp_path / f"sdk{n}").start(script, RUN=f"r{n}") for n in range(CLIENTS)]
        for reader in readers:
            reader.start()
        sdk = Sdk(server, user, tmp_path / "sdk")
        for client in clients:
            sdk.ended(client, 1800)
        stop.set()
        for reader in readers:
            reader.join()
        watch.stop()
        for number in range(CLIENTS):
            assert [row["x"] for row in sdk.rows(f"r{number}")] == list(range(ROWS)), number
        states = {run["state"] for run in server.wabucket("-p", "p", "--entity", user, "runs")["items"]}
    latencies.sort()
    p99 = latencies[int(len(latencies) * 0.99)]
    print(f"{len(latencies)} reads, p99 {p99 * 1000:.0f} ms; resident at most {max(watch.resident)} MiB")
    assert statuses == {200}
    assert states == {"finished"}
    assert max(watch.resident) <= CEILING
    if is_quiet():
        assert p99 < 1


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
