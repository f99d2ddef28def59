"""``wabucket serve`` itself: how it starts, refuses and ends."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.server.live import ROOT, ask, graphql, started
from tests.unit.cli import schemas

VIEWER = "{ viewer { username entity } }"

Serve = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """``wabucket serve ARGUMENTS`` that is expected to end by itself."""

    def run(*arguments: str, prelude: str = "") -> "subprocess.CompletedProcess[str]":
        start = f"{prelude}\nimport sys\nfrom wabucketref.__main__ import main\nsys.exit(main())"
        return subprocess.run(
            [sys.executable, "-c", start, "serve", *arguments],
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "WABUCKET_HOME": str(tmp_path / "home")},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


@pytest.mark.row("X15")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host", "0.0.0.0"], "--new-key NAME"),
        (["--host", "0.0.0.0", "--dev-users"], "loopback only"),
        (["--host", "::", "--dev-users"], "loopback only"),
        (["--read-only"], "--new-key"),
        (["--host", "no.such.host.invalid", "--new-key", "a"], "no host"),
        (["--host", "192.0.2.1", "--new-key", "a"], "address of this machine"),
        (["--new-key", "a/b"], "U+002F"),
        (["--files", "s3://KEY:SECRET@b"], "--files"),
        (["--port", "70000"], "--port"),
    ],
)
def test_what_is_refused_at_start(serve: Serve, arguments: list[str], said: str) -> None:
    ended = serve("--port", "0", *arguments) if "--port" not in arguments else serve(*arguments)
    assert ended.returncode == 2, ended
    assert said in ended.stderr
    assert "hint: " in ended.stderr
    assert "SECRET" not in ended.stderr
    assert ended.stdout == ""


def test_revoking_what_is_not_there_is_not_found(serve: Serve) -> None:
    ended = serve("--port", "0", "--revoke", "nobody")
    assert ended.returncode == 3, ended
    assert "nobody" in ended.stderr


def test_a_port_in_use_is_a_conflict(serve: Serve) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = serve("--port", str(port), "--json")
    assert ended.returncode == 6, ended
    document = json.loads(ended.stdout)
    schemas.check("error", document)
    assert f"port {port}" in document["error"]["message"]


def test_missing_libraries_are_named(serve: Serve) -> None:
    ended = serve(prelude="import sys; sys.modules['starlette'] = None")
    assert ended.returncode == 2, ended
    assert "wabucketref[server]" in ended.stderr


@pytest.mark.row("X15")
def test_the_first_key_is_made_and_shown_once(tmp_path: Path) -> None:
    with started(tmp_path, "--host", "127.0.0.1") as first:
        assert first.key is not None
        assert graphql(first, VIEWER, first.key)["data"]["viewer"] == {"username": "owner", "entity": "owner"}
        assert ask(first, "POST", "/graphql", b"{}", key="owner")[0] == 401, "no --dev-users here"
        key = first.key
        assert f"shown only now: {key}" in first.log.read_text()
    assert (tmp_path / "wabucket" / "links.key").stat().st_mode & 0o777 == 0o600
    with started(tmp_path, "--host", "127.0.0.1") as second:
        assert second.key is None
        assert graphql(second, VIEWER, key)["data"]["viewer"]["username"] == "owner"
    with started(tmp_path, "--new-key", "bob", "--read-only") as third:
        assert third.key is not None
        assert graphql(third, VIEWER, third.key)["data"]["viewer"]["username"] == "bob"
        upsert = json.dumps({"query": 'mutation { upsertBucket(input: {name: "r"}) { inserted } }'}).encode()
        assert ask(third, "POST", "/graphql", upsert, key=third.key)[0] == 403
        assert ask(third, "POST", "/graphql", upsert, key=key)[0] == 200
    with started(tmp_path, "--revoke", "owner", "--new-key", "owner") as fourth:
        assert ask(fourth, "POST", "/graphql", upsert, key=key)[0] == 401
        assert fourth.key is not None
        assert ask(fourth, "POST", "/graphql", upsert, key=fourth.key)[0] == 200
        assert ask(fourth, "POST", "/graphql", upsert, key=third.key)[0] == 403, "bob's key still reads"
    found = b"".join(path.read_bytes() for path in (tmp_path / "wabucket").rglob("*") if path.is_file())
    assert key.encode() not in found, "it is nowhere on disk"


def test_any_port_and_names_that_are_allowed(tmp_path: Path) -> None:
    with started(tmp_path, "--dev-users", "--allow-host", "Runs.example.org") as server:
        port = server.url.rpartition(":")[2]
        assert ask(server, "GET", "/healthz", headers={"Host": f"runs.example.org:{port}"})[0] == 200
        assert ask(server, "GET", "/healthz", headers={"Host": f"other.example.org:{port}"})[0] == 403


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it_orderly(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with started(tmp_path) as server:
        assert ask(server, "GET", "/healthz")[0] == 200
        server.process.send_signal(number)
        assert server.process.wait(20) == code
        assert "Traceback" not in server.log.read_text()


NO_CONNECTIONS = """
import sys
def audit(event, arguments):
    resolves = event == "socket.getaddrinfo" and arguments[0] != "127.0.0.1"  # its own address is looked up to listen
    if resolves or event in ("socket.connect", "socket.sendto", "subprocess.Popen"):
        print("FORBIDDEN", event, arguments, file=sys.stderr, flush=True)
        raise RuntimeError(event)
sys.addaudithook(audit)
"""


@pytest.mark.row("X9")
def test_the_server_opens_no_connection_whatever_it_is_told(tmp_path: Path) -> None:
    with started(tmp_path, prelude=NO_CONNECTIONS) as server:
        addresses = ["http://169.254.169.254/latest", "file:///etc/passwd", "s3://evil/x", "//evil/x", "gopher://e:1"]
        for address in addresses:
            told: dict[str, Any] = {
                "name": "r",
                "modelName": "p",
                "jobRepo": address,
                "host": address,
                "jobProgram": address,
                "notes": address,
                "config": json.dumps({"url": {"value": address}}),
                "summaryMetrics": json.dumps({"image": {"_type": "image-file", "path": address}}),
            }
            query = "mutation M($i: UpsertBucketInput!) { upsertBucket(input: $i) { bucket { id config } } }"
            assert address in graphql(server, query, "someone", i=told)["data"]["upsertBucket"]["bucket"]["config"]
            make = """mutation M($f: [String!]!) { createRunFiles(input: {entityName: "someone", projectName: "p",
                      runName: "r", files: $f}) { files { uploadUrl } } }"""
            graphql(server, make, "someone", f=[address])
            row = json.dumps({"x": address})
            body = json.dumps({"files": {"wandb-history.jsonl": {"offset": 0, "content": [row]}}})
            path = "/files/someone/p/r/file_stream"
            assert ask(server, "POST", path, body.encode(), key="someone")[0] == 200
        assert "FORBIDDEN" not in server.log.read_text()


def test_the_guard_of_that_test_works(tmp_path: Path) -> None:
    """The hook would have seen a connection."""
    code = f"{NO_CONNECTIONS}\nimport socket\nsocket.create_connection(('192.0.2.1', 80), 0.1)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20)
    assert "FORBIDDEN" in ended.stderr
    assert ended.returncode == 1


def test_a_crash_of_a_route_is_one_line_of_the_log(tmp_path: Path) -> None:
    prelude = """
from wabucketref.server.runs import stream
def broken(*arguments): raise ZeroDivisionError("private detail")
stream.store = broken
"""
    with started(tmp_path, prelude=prelude) as server:
        status, answer, _ = ask(server, "POST", "/files/e/p/r/file_stream", b"{}", key="me")
        assert status == 500
        assert b"private" not in answer
        log = server.log.read_text()
    assert "ZeroDivisionError: private detail" in log
    assert "Traceback" not in log


def test_a_crash_of_a_resolver_is_no_5xx_and_tells_nothing(tmp_path: Path) -> None:
    """Clients repeat 5xx for minutes; what failed is in the log alone."""
    prelude = """
from wabucketref.server.base import people
def broken(*arguments, **more): raise ZeroDivisionError("private detail")
people.entity_view = broken
"""
    with started(tmp_path, prelude=prelude) as server:
        answer = graphql(server, '{ viewer { id } entity(name: "me") { id } }', "me")
        assert answer["data"]["viewer"]["id"]
        assert "internal error" in answer["errors"][0]["message"]
        assert "private" not in json.dumps(answer)
        assert "private detail" in server.log.read_text()


def test_garbage_is_collected_while_it_serves(tmp_path: Path) -> None:
    """Short commands do without: a server would keep the leavings of each request."""
    told = "signal.signal(signal.SIGUSR1, lambda *_: print('collects:', gc.isenabled(), file=sys.stderr, flush=True))"
    with started(tmp_path / "live", prelude=f"import gc, signal, sys\n{told}") as server:
        server.process.send_signal(signal.SIGUSR1)
        end = time.monotonic() + 20
        while "collects:" not in (said := server.log.read_text()) and time.monotonic() < end:
            time.sleep(0.02)
    assert "collects: True" in said
