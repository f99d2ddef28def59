"""The file stream by itself: sent twice, out of order, late, wrong."""

import gzip
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server.inprocess import Answer, Inside, inside
from wabucketref.server.runs.rows import parse_console
from wabucketref.server.runs.silent import mark_silent


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def module_app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    url = None
    if request.param == "postgresql":
        postgres = request.getfixturevalue("postgres")
        url = postgres.url(postgres.make())
    with inside(tmp_path_factory.mktemp("app"), url=url) as running:
        yield running


@pytest.fixture
def app(module_app: Inside, request: pytest.FixtureRequest) -> Inside:
    """The application with a fresh run ``r``."""
    query = '{ project(name: "p") { run(name: "r") { id } } }'
    found = module_app.graphql(query).json()["data"]["project"]
    if found and found["run"]:
        delete = "mutation M($id: ID!) { deleteRun(input: {id: $id}) { clientMutationId } }"
        assert module_app.graphql({"query": delete, "variables": {"id": found["run"]["id"]}}).status == 200
    assert (
        module_app.graphql('mutation { upsertBucket(input: {name: "r", modelName: "p"}) { inserted } }').status == 200
    )
    return module_app


def send(app: Inside, *, run: str = "r", **told: Any) -> Answer:
    return app.ask("POST", f"/files/writer/p/{run}/file_stream", json.dumps(told).encode(), key=app.key)


def rows(offset: int, *values: Any) -> dict[str, Any]:
    """A chunk of history."""
    lines = [json.dumps({"x": value, "_step": offset + at, "_timestamp": 1e9}) for at, value in enumerate(values)]
    return {"wandb-history.jsonl": {"offset": offset, "content": lines}}


def read(app: Inside, fields: str = "history state") -> Any:
    query = f'{{ project(name: "p") {{ run(name: "r") {{ {fields} }} }} }}'
    return app.graphql(query).json()["data"]["project"]["run"]


def values(app: Inside) -> list[Any]:
    return [json.loads(line)["x"] for line in read(app)["history"]]


def test_sending_again_changes_nothing(app: Inside) -> None:
    for _ in range(3):
        assert send(app, files=rows(0, 1, 2)).json() == {"exitcode": None, "limits": {}, "stopped": False}
        assert send(app, files=rows(2, 3)).status == 200
    assert values(app) == [1, 2, 3]
    assert read(app, "historyLineCount")["historyLineCount"] == 3


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(6)), st.lists(st.integers(0, 5), max_size=6))
def test_any_order_and_any_repeats_make_the_same_history(
    module_app: Inside, order: list[int], again: list[int]
) -> None:
    name = f"r{hash((tuple(order), tuple(again)))}"
    query = f'mutation {{ upsertBucket(input: {{name: "{name}", modelName: "p"}}) {{ inserted }} }}'
    assert module_app.graphql(query).status == 200
    for number in (*order, *again):
        assert send(module_app, run=name, files=rows(number * 2, number * 2, number * 2 + 1)).status == 200
    query = f'{{ project(name: "p") {{ run(name: "{name}") {{ history historyLineCount }} }} }}'
    found = module_app.graphql(query).json()["data"]["project"]["run"]
    assert [json.loads(line)["x"] for line in found["history"]] == list(range(12))
    assert found["historyLineCount"] == 12


def test_a_run_that_is_begun_anew_replaces_what_it_had(app: Inside) -> None:
    events = {
        "wandb-events.jsonl": {"offset": 0, "content": [json.dumps({"cpu": n, "_timestamp": n}) for n in range(3)]}
    }
    send(app, files=rows(0, 1, 2, 3) | events | printed(9e8, "one", "two"), complete=True)
    send(app, files=rows(0, 1))
    assert values(app) == [1, 2, 3], "the same first row: sent again"
    send(app, files=printed(1e9, "three") | rows(0, 9))
    assert values(app) == [9]
    assert read(app, "eventsLineCount")["eventsLineCount"] == 0
    assert lines_of(app) == ["three"]


def session(offset: int, values: Sequence[Any], begun: float = 1e9) -> dict[str, Any]:
    """What a session tells that began at `begun`: steps from 0, wherever its rows are put."""
    lines = [
        json.dumps({"x": value, "_step": at, "_timestamp": begun + at, "_runtime": at})
        for at, value in enumerate(values)
    ]
    return {"wandb-history.jsonl": {"offset": offset, "content": lines}}


def lines_of(app: Inside) -> list[str]:
    edges = read(app, "logLines { edges { node { line } } }")["logLines"]["edges"]
    return [edge["node"]["line"] for edge in edges]


def printed(begun: float, *texts: str) -> dict[str, Any]:
    moment = datetime.fromtimestamp(begun, UTC).isoformat()[:19]
    return {"output.log": {"offset": 0, "content": [f"{moment} {text}" for text in texts]}}


def test_a_run_that_is_synced_again_behind_its_last_row_stays_as_it_was(app: Inside) -> None:
    """Clients are told how many rows there are, and send all of them behind those."""
    whole = session(0, [1, 2, 3])
    send(app, files=whole | printed(1e9, "one", "two"), complete=True)
    for _ in range(2):
        count = read(app, "historyLineCount")["historyLineCount"]
        send(app, files=session(count, [1, 2, 3]) | printed(1e9, "one", "two"), complete=True)
        assert values(app) == [1, 2, 3]
        assert lines_of(app) == ["one", "two"]


def test_a_run_that_came_in_part_is_synced_whole(app: Inside) -> None:
    send(app, files=session(0, [1, 2]))
    send(app, files=session(2, [1, 2, 3, 4]), complete=True)
    assert values(app) == [1, 2, 3, 4]


@pytest.mark.parametrize("first", ["rows", "lines"])
def test_a_run_that_is_begun_anew_behind_its_last_row_has_nothing_of_what_it_was(app: Inside, first: str) -> None:
    send(app, files=session(0, [1, 2, 3]) | printed(1e9, "one", "two", "three"), complete=True)
    told = [session(3, [7, 8], 2e9), printed(2e9, "four")]
    for files in told if first == "rows" else reversed(told):
        send(app, files=files)
    send(app, files={"wandb-history.jsonl": {"offset": 5, "content": ['{"x": 9, "_step": 2, "_timestamp": 2e9}']}})
    assert values(app) == [7, 8, 9]
    assert lines_of(app) == ["four"]


def test_a_run_of_one_row_is_begun_anew(app: Inside) -> None:
    for number in range(3):
        count = read(app, "historyLineCount")["historyLineCount"]
        send(app, files=session(count, [number], 1e9 + 100 * number), complete=True)
        assert values(app) == [number]


def test_rows_that_a_client_gives_one_step_are_all_kept(app: Inside) -> None:
    for start in (0, 2, 4):
        lines = [json.dumps({"x": start + at, "_step": 0, "_timestamp": 1e9 + start}) for at in range(2)]
        send(app, files={"wandb-history.jsonl": {"offset": start, "content": lines}})
    assert values(app) == [0, 1, 2, 3, 4, 5]


def test_a_gzipped_body_is_the_same(app: Inside) -> None:
    body = gzip.compress(json.dumps({"files": rows(0, 7)}).encode())
    path = "/files/writer/p/r/file_stream"
    assert app.ask("POST", path, body, key=app.key, Content_Encoding="gzip").status == 200
    assert values(app) == [7]


def test_numbers_that_json_lacks_are_kept(app: Inside) -> None:
    lines = ['{"x": NaN, "_step": 0}', '{"x": Infinity, "_step": 1}', '{"x": -Infinity, "_step": 2}', '{"x": 1e400}']
    big = json.dumps({"x": 10**40, "_step": 4})
    send(app, files={"wandb-history.jsonl": {"offset": 0, "content": [*lines, big]}})
    assert str(values(app)) == f"[nan, inf, -inf, inf, {10**40}]"


def test_the_summary_is_the_last_one_told(app: Inside) -> None:
    for best in (1, 2):
        send(app, files={"wandb-summary.json": {"offset": 0, "content": [json.dumps({"best": best, "_step": 3})]}})
    assert json.loads(read(app, "summaryMetrics")["summaryMetrics"]) == {"best": 2, "_step": 3}


def test_console_lines_are_drawn_again(app: Inside) -> None:
    first = ["2026-01-01T00:00:00.000000 10 %", "ERROR 2026-01-01T00:00:01.5 oh no", "plain"]
    send(app, files={"output.log": {"offset": 0, "content": first}})
    send(app, files={"output.log": {"offset": 0, "content": ["2026-01-01T00:00:02.000000 20 %"]}})
    edges = read(app, "logLines { edges { node { line level timestamp } } }")["logLines"]["edges"]
    found = [(edge["node"]["line"], edge["node"]["level"]) for edge in edges]
    assert found == [("20 %", "info"), ("oh no", "error"), ("plain", "info")]
    assert edges[1]["node"]["timestamp"] == "2026-01-01T00:00:01.500000Z"


@pytest.mark.parametrize(
    "line",
    ["", " ", "ERROR", "ERROR ", "2026-13-45T99:00:00.000000 x", "\x00\ud83d", "a" * 100_000, "2026-01-01T00:00:00"],
)
def test_odd_console_lines_lose_nothing(line: str) -> None:
    stream, moment, text = parse_console(line)
    assert stream in ("stdout", "stderr")
    assert moment > 0
    assert text in line


@pytest.mark.parametrize(("code", "state"), [(0, "finished"), (1, "failed"), (255, "failed")])
def test_the_end(app: Inside, code: int, state: str) -> None:
    send(app, files=rows(0, 1), complete=True, exitcode=code)
    assert read(app)["state"] == state
    assert send(app).status == 200, "a late heartbeat"
    assert read(app)["state"] == state
    send(app, files=rows(1, 2))
    assert read(app)["state"] == "running", "it goes on: resumed"


def test_a_silent_run_counts_as_crashed_until_it_speaks(app: Inside) -> None:
    send(app, files=rows(0, 1))
    assert mark_silent(app.site) == 0
    assert mark_silent(app.site, datetime.now(UTC) + timedelta(minutes=6)) >= 1
    assert read(app)["state"] == "crashed"
    send(app)
    assert read(app)["state"] == "running"


def test_a_run_is_asked_to_stop(app: Inside) -> None:
    stop = "mutation M($id: ID!) { stopRun(input: {id: $id}) { success } }"
    assert app.graphql({"query": stop, "variables": {"id": read(app, "id")["id"]}}).status == 200
    assert send(app).json()["stopped"] is True
    assert read(app, "stopped")["stopped"] is True


@pytest.mark.parametrize(
    "told",
    [
        [],
        "x",
        {"files": [1]},
        {"files": {"wandb-history.jsonl": 5}},
        {"files": {"wandb-history.jsonl": {"offset": -1, "content": ["{}"]}}},
        {"files": {"wandb-history.jsonl": {"offset": 1 << 60, "content": ["{}"]}}},
        {"files": {"wandb-history.jsonl": {"offset": "a", "content": ["{}"]}}},
        {"files": {"wandb-history.jsonl": {"offset": 0, "content": [1]}}},
        {"files": {"wandb-history.jsonl": {"offset": 0, "content": ["[]"]}}},
        {"files": {"wandb-history.jsonl": {"offset": 0, "content": ["{"]}}},
        {"files": {"wandb-summary.json": {"offset": 0, "content": ["5"]}}},
        {"complete": True, "exitcode": "x"},
    ],
)
def test_what_is_malformed_is_refused_whole(app: Inside, told: Any) -> None:
    body = json.dumps(told).encode()
    answer = app.ask("POST", "/files/writer/p/r/file_stream", body, key=app.key)
    assert answer.status == 400, answer
    assert values(app) == []
    assert read(app)["state"] == "running"


def test_a_run_that_is_not_there(app: Inside) -> None:
    assert send(app, run="nobody").status == 404


def test_rewinding_forgets_what_came_after(app: Inside) -> None:
    send(app, files=rows(0, *range(6)), complete=True)
    rewind = """mutation { rewindRun(input: {runName: "r", projectName: "p", metricName: "_step", metricValue: 2})
                { rewoundRun { historyLineCount summaryMetrics } } }"""
    found = app.graphql(rewind).json()["data"]["rewindRun"]["rewoundRun"]
    assert found["historyLineCount"] == 3
    assert json.loads(found["summaryMetrics"])["x"] == 2
    assert values(app) == [0, 1, 2]


def test_a_fork_is_refused_and_says_so(app: Inside) -> None:
    query = "mutation M($i: UpsertBucketInput!) { upsertBucket(input: $i) { inserted } }"
    config = json.dumps({"_wandb": {"value": {"branch_point": {"run_id": "r", "step": 2}}}})
    given = {"name": "forked", "modelName": "p", "config": config}
    assert "forked" in app.graphql({"query": query, "variables": {"i": given}}).message
    given["name"] = "r"
    assert app.graphql({"query": query, "variables": {"i": given}}).json()["data"]["upsertBucket"]["inserted"] is False


def test_pages_of_a_long_history_by_steps(app: Inside) -> None:
    """Steps are found by bisection; gaps in them too."""
    lines = [json.dumps({"x": step, "_step": step}) for step in range(0, 3000, 3)]
    send(app, files={"wandb-history.jsonl": {"offset": 0, "content": lines}})
    query = """query Q($a: Int64, $b: Int64, $n: Int) {
               project(name: "p") { run(name: "r") { history(minStep: $a, maxStep: $b, samples: $n) } } }"""

    def page(low: int, high: int, samples: int = 10_000) -> list[int]:
        answer = app.graphql({"query": query, "variables": {"a": low, "b": high, "n": samples}})
        return [json.loads(line)["x"] for line in answer.json()["data"]["project"]["run"]["history"]]

    for low, high in ((0, 3000), (1, 4), (2998, 5000), (5000, 6000), (10, 10), (0, 1), (1500, 1510), (-5, 3)):
        assert page(low, high) == [step for step in range(0, 3000, 3) if low <= step < high], (low, high)
    sample = page(0, 3000, 10)
    assert (len(sample), sample[0], sample[-1]) == (10, 0, 2997)
    keys = read(app, "historyKeys")["historyKeys"]
    assert keys["lastStep"] == 2997
    assert {"x", "_step"} <= set(keys["keys"])


def test_the_catalog_is_the_same_for_all(app: Inside, tmp_path: Path) -> None:
    """What our own tracker records is read through the server."""
    from wabucketref.model.run import HistoryRow, RunKey, RunState, RunUpdate
    from wabucketref.trackers.embedded.tracker import EmbeddedTracker

    tracker = EmbeddedTracker(app.site.catalog.url)
    try:
        key = RunKey("writer", "p", "ours")
        update = RunUpdate(key, name="named", tags=("t",), config={"a": {"b": 1}}, summary={"s": 2})
        tracker.upsert_run(update)
        tracker.append_history(key, [HistoryRow(0, 5, 1e9, {"x": 1})])
        tracker.finish_run(key, RunState.KILLED, 143)
    finally:
        tracker.close()
    query = """{ project(name: "p") { run(name: "ours") {
        displayName tags state config summaryMetrics history wandbConfig(keys: ["t"]) user { name } heartbeatAt } } }"""
    found = app.graphql(query).json()["data"]["project"]["run"]
    assert (found["displayName"], found["tags"], found["state"], found["user"]) == ("named", ["t"], "killed", None)
    assert json.loads(found["config"]) == {"a": {"value": {"b": 1}}}
    assert json.loads(found["summaryMetrics"]) == {"s": 2}
    assert json.loads(found["history"][0]) == {"x": 1, "_step": 5, "_timestamp": 1e9}
    assert json.loads(found["wandbConfig"]) == {"t": {}}, "so that the SDK can resume it"
