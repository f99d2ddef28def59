"""Events go to a real HTTP server at the end of each run, and what goes wrong there harms nothing."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.unit.ci.lineage.checks import check_event
from wabucketref import WaBucketRefAPI
from wabucketref.ci.lineage import send
from wabucketref.ci.lineage.send import Endpoint
from wabucketref.cli.main import main
from wabucketref.errors import TransientError, UsageError
from wabucketref.retry import RetryPolicy

KEY = "cAnArY0123456789"


@dataclass
class Collector:
    """An OpenLineage server: what it got, and what it is to answer."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    """Status codes of the next answers; then 201."""
    got: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.got.append((self.path, dict(self.headers), json.loads(body)))
            self.send_response(made.answers.pop(0) if made.answers else 201)
            self.send_header("Location", f"{made.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same tries, without the waiting."""
    monkeypatch.setattr(Endpoint.send, "__defaults__", (RetryPolicy(attempts=3, sleep=lambda seconds: None),))


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, collector: Collector) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").write_text("alpha")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_PROJECT", "demo")
    monkeypatch.setenv("WANDB_ENTITY", "team")
    monkeypatch.setenv("WABUCKET_TRACKER", "embedded")
    monkeypatch.setenv("OPENLINEAGE_URL", collector.url)
    monkeypatch.setenv("OPENLINEAGE_API_KEY", KEY)
    return tmp_path


def upload(*more: str) -> int:
    return main(["upload", "data", "-n", "cats", "-t", "dataset", "-a", "one", *more])


def test_each_run_is_told_with_its_inputs_and_outputs(work: Path, collector: Collector) -> None:
    assert upload() == 0
    with WaBucketRefAPI() as api:
        api.download_artifact("cats", "dataset", "latest", work / "got")
        api.upload_artifact(work / "data", "net", "model", "m1")
    assert [path for path, _, _ in collector.got] == ["/api/v1/lineage"] * 4
    assert {headers["Authorization"] for _, headers, _ in collector.got} == {f"Bearer {KEY}"}
    events = [event for _, _, event in collector.got]
    for event in events:
        check_event(event)
    assert [event["eventType"] for event in events] == ["START", "COMPLETE", "START", "COMPLETE"]
    made, trained = events[1], events[3]
    assert made["job"]["namespace"] == "team/demo"
    (output,), (used,), (model,) = made["outputs"], trained["inputs"], trained["outputs"]
    assert (output["namespace"], output["name"]) == (used["namespace"], used["name"])
    assert output["facets"]["version"]["datasetVersion"] == "one"
    assert model["name"].endswith("/model/net")


def test_a_namespace_and_a_path_of_ones_own(work: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "ours")
    monkeypatch.setenv("OPENLINEAGE_ENDPOINT", "lineage")
    assert upload() == 0
    assert [(path, event["job"]["namespace"]) for path, _, event in collector.got] == [("/lineage", "ours")] * 2


def test_a_failed_run_is_told_as_failed(work: Path, collector: Collector) -> None:
    assert upload() == 0
    (work / "data" / "a").write_text("other")
    assert upload() == 6
    assert [event["eventType"] for _, _, event in collector.got][2:] == ["START", "FAIL"]


def test_a_server_that_fails_for_a_moment_is_asked_again(work: Path, collector: Collector, quick: None) -> None:
    collector.answers = [503, 429, 201]
    assert upload() == 0
    assert len(collector.got) == 4


@pytest.mark.row("X5", "X19")
@pytest.mark.parametrize("answers", [[500] * 3, [401], [302], [422]], ids=str)
def test_a_server_that_refuses_is_warned_of_and_harms_nothing(
    work: Path, collector: Collector, quick: None, capsys: pytest.CaptureFixture[str], answers: list[int]
) -> None:
    collector.answers = list(answers)
    assert upload("--json", "-v") == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["tracking"] == "recorded"
    assert f"OpenLineage was not told: the OpenLineage server answered {answers[0]}" in told.err
    assert KEY not in told.out + told.err
    assert all(path == "/api/v1/lineage" for path, _, _ in collector.got), "no redirect is followed"
    assert len(collector.got) == len(answers)


def test_nobody_there(work: Path, quick: None, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:9")
    assert upload() == 0
    assert "cannot be reached: [Errno 111]" in capsys.readouterr().err


def test_a_server_that_never_answers_is_not_waited_for(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(send, "_SECONDS", 0.1)
    monkeypatch.setattr(Endpoint.send, "__defaults__", (RetryPolicy(attempts=3, first_delay=0.01),))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("OPENLINEAGE_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert upload() == 0
    assert "cannot be reached: timed out" in capsys.readouterr().err


def test_a_defect_in_telling_harms_nothing(work: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(Endpoint, "send", lambda *_: 1 / 0)
    assert upload() == 0
    assert "OpenLineage was not told: ZeroDivisionError" in capsys.readouterr().err


def test_numbers_that_json_lacks(collector: Collector) -> None:
    """Metadata that other programs recorded may have them."""
    Endpoint(collector.url, "x").send([{"loss": float("nan"), "deep": [{"loss": float("-inf")}]}])
    assert collector.got[-1][2] == {"loss": "NaN", "deep": [{"loss": "-Infinity"}]}


def test_what_is_not_recorded_is_not_told(work: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert upload() == 0
    assert collector.got == []


@pytest.mark.row("X19")
@pytest.mark.parametrize(
    "url", ["ftp://host", "host", f"https://me:{KEY}@host", f"https://host/?key={KEY}", "https://host:99999", ""]
)
def test_urls_that_are_none(work: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, url: str) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", url)
    assert upload() == (2 if url else 0)
    assert KEY not in capsys.readouterr().err


@pytest.mark.row("X5")
def test_a_key_in_plain_http_to_another_machine_is_warned_of(
    collector: Collector, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_tries = RetryPolicy(attempts=1)
    monkeypatch.setattr(send, "_SECONDS", 0.2)
    with pytest.raises(TransientError):
        Endpoint("http://name.invalid", "x", KEY).send([{}], no_tries)
    assert "plain HTTP" in caplog.text
    assert KEY not in caplog.text
    caplog.clear()
    Endpoint(collector.url, "x", KEY).send([{}], no_tries)
    assert caplog.text == ""
    collector.answers = [404]
    with pytest.raises(UsageError, match="answered 404 Not Found"):
        Endpoint(collector.url, "x").send([{}], no_tries)
    assert "Authorization" not in collector.got[-1][1]


def test_the_command_prints_what_would_be_sent(
    work: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, collector: Collector
) -> None:
    assert upload() == 0
    capsys.readouterr()
    show: Callable[[str], Any] = lambda form: main(["lineage", "dataset/cats:one", "--format", form])  # noqa: E731
    assert show("openlineage") == 0
    events = json.loads(capsys.readouterr().out)
    for event in events:
        check_event(event)
    assert events == [event for _, _, event in collector.got]
    assert show("prov") == 0
    assert "wabucket:dataset/cats:one" in json.loads(capsys.readouterr().out)["entity"]
    assert main(["lineage", "dataset/cats:one", "--format", "prov", "--json"]) == 2
