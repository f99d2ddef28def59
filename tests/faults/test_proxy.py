"""The proxy itself: what clients and servers on its two sides see of every fault."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.faults.conftest import Flaky
from tests.faults.http.exchange import Mishap
from tests.faults.proxy import (
    Call,
    Capture,
    Crowd,
    Cut,
    Delay,
    Drip,
    DropAnswer,
    Exchange,
    Expire,
    Flip,
    Precondition,
    Proxy,
    Randomly,
    Reset,
    Rewrite,
    Rule,
    Stall,
    Status,
)
from wabucketref.errors import AlreadyExists
from wabucketref.store.drivers.probe import probe_conditional
from wabucketref.wiring import registries

BODY = bytes(range(256)) * 40


class Echo(BaseHTTPRequestHandler):
    """Answers with what it got: the body as it is, head and length in headers; ``/chunked`` in chunks."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        body = body or BODY
        self.server.got.append((self.command, self.path, dict(self.headers), body))  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("ETag", f'"{len(self.server.got)}"')  # type: ignore[attr-defined]
        self.send_header("X-Host", self.headers["Host"])
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for start in range(0, len(body), 1000):
                piece = body[start : start + 1000]
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

    do_PUT = do_POST = do_DELETE = do_HEAD = do_GET

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def echo() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.got = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def got(echo: ThreadingHTTPServer) -> list[Any]:
    """What reached the server in this test."""
    echo.got.clear()  # type: ignore[attr-defined]
    return echo.got  # type: ignore[attr-defined,no-any-return]


class Client:
    """One connection to a proxy before the echo."""

    def __init__(self, echo: ThreadingHTTPServer, *rules: Rule, seed: int = 0, **more: Any) -> None:
        self.proxy = Proxy(f"http://127.0.0.1:{echo.server_address[1]}", rules, seed, **more).start()
        self.connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=5)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()
        self.proxy.stop()

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request(method, path, body or None, named)
        answer = self.connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()


def test_without_rules_everything_passes(echo: ThreadingHTTPServer, got: list[Any]) -> None:
    with Client(echo) as client:
        status, headers, body = client.ask(
            "PUT", "/b/k%20%2Fx?a=1&b=%2F", BODY, Authorization="signed", Host="sign.ed:1"
        )
        assert (status, body, headers["X-Host"]) == (200, BODY, "sign.ed:1")
        assert client.ask("GET", "/chunked")[2] == BODY
        assert client.ask("HEAD", "/b/k")[2] == b""
        assert client.ask("PUT", "/b/empty")[0] == 200
        assert got[0][1:] == ("/b/k%20%2Fx?a=1&b=%2F", got[0][2], BODY)
        assert got[0][2]["Authorization"] == "signed"
        (put,) = client.proxy.seen("PUT", r"^/b/k /x$", "a=1")
        assert (put.sent, put.received, put.status, put.param("b")) == (len(BODY), len(BODY), 200, "/")


def test_rules_strike_by_count(echo: ThreadingHTTPServer) -> None:
    rules = [
        Rule(Status(503, "SlowDown"), "PUT", "/a$", on="@2"),
        Rule(Status(500), "PUT", "/b$", on="@1-2"),
        Rule(Status(501), "GET", query="x=1", on="@3+"),
        Rule(Status(403), headers={"X-Who": "^me$"}),
    ]
    with Client(echo, *rules) as client:
        assert [client.ask("PUT", "/a", b"1")[0] for _ in range(3)] == [200, 503, 200]
        assert [client.ask("PUT", "/b", b"1")[0] for _ in range(3)] == [500, 500, 200]
        assert [client.ask("GET", "/c?x=1")[0] for _ in range(4)] == [200, 200, 501, 501]
        with pytest.raises(AssertionError, match="status=403"):
            client.proxy.check()
        assert client.ask("GET", "/c", X_Who="me")[0] == 403
        client.proxy.check()


@pytest.mark.parametrize("on", ["1", "@", "@a", "@1-", "@2++"])
def test_malformed_counts(on: str) -> None:
    with pytest.raises(ValueError, match="malformed"):
        Rule(Reset(), on=on)


def test_answers_of_its_own(echo: ThreadingHTTPServer, got: list[Any]) -> None:
    slow = Status(503, "SlowDown", {"Retry-After": "7"})
    with Client(echo, Rule(slow, "PUT"), Rule(Status(200, body=b"<html>"), "GET"), Rule(slow, "HEAD")) as client:
        status, headers, body = client.ask("PUT", "/a", BODY)
        assert (status, headers["Retry-After"]) == (503, "7")
        assert b"<Code>SlowDown</Code>" in body
        assert headers["x-amz-request-id"] == "PROXY0"
        assert client.ask("GET", "/a")[2] == b"<html>"
        assert client.ask("HEAD", "/a")[2] == b""
        assert got == []
        assert client.ask("PUT", "/a", BODY)[0] == 200  # on the same connection, whose body was read


def test_resets_and_cuts(echo: ThreadingHTTPServer, got: list[Any]) -> None:
    rules = [
        Rule(Reset(), "GET", "/reset"),
        Rule(Cut(1000), "GET", "/cut"),
        Rule(Cut(1000), "GET", "/chunked"),
        Rule(Cut(0, reset=True), "GET", "/hard"),
        Rule(Cut(1000, up=True), "PUT", "/up"),
        Rule(DropAnswer(), "PUT", "/dropped"),
    ]
    with Client(echo, *rules) as client:
        with pytest.raises(ConnectionResetError):
            client.ask("GET", "/reset")
        for path in ("/cut", "/chunked"):
            with pytest.raises(http.client.IncompleteRead) as caught:
                client.ask("GET", path)
            assert len(caught.value.partial) == 1000
            client.connection.close()
        with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
            client.ask("GET", "/hard")
        client.connection.close()
        reached = len(got)
        with pytest.raises(http.client.RemoteDisconnected):
            client.ask("PUT", "/up", BODY)
        assert len(got) == reached
        with pytest.raises(http.client.RemoteDisconnected):
            client.ask("PUT", "/dropped", BODY)
        assert got[-1][1::2] == ("/dropped", BODY)
        client.proxy.check()


def test_stalls_and_drips(echo: ThreadingHTTPServer) -> None:
    rules = [Rule(Stall(), "GET", "/silent"), Rule(Stall(1000), "GET", "/half"), Rule(Drip(50_000), "GET", "/drip")]
    with Client(echo, *rules, Rule(Delay(0.05), "GET", "/late")) as client:
        begun = time.monotonic()
        assert client.ask("GET", "/drip")[2] == BODY
        assert time.monotonic() - begun > 0.15
        begun = time.monotonic()
        assert client.ask("GET", "/late")[0] == 200
        assert time.monotonic() - begun > 0.05
        client.connection.sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.ask("GET", "/silent")
        client.connection.close()
        client.connection.request("GET", "/half")
        answer = client.connection.getresponse()
        assert answer.read(1000) == BODY[:1000]
        client.connection.sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            answer.read(1)


def bits(one: bytes, other: bytes) -> int:
    assert len(one) == len(other)
    return sum((a ^ b).bit_count() for a, b in zip(one, other, strict=True))


def test_flips_one_bit(echo: ThreadingHTTPServer, got: list[Any]) -> None:
    rules = [Rule(Flip(), "GET", "/a"), Rule(Flip(up=True), "PUT"), Rule(Flip(at=70), "GET", "/chunked")]
    with Client(echo, *rules) as client:
        assert bits(client.ask("GET", "/a")[2], BODY) == 1
        body = client.ask("PUT", "/a", BODY)[2]
        assert got[-1][3] == body
        assert bits(body, BODY) == 1
        body = client.ask("GET", "/chunked")[2]
        assert bits(body, BODY) == 1
        assert body[70] != BODY[70]
        assert client.ask("GET", "/a")[2] == BODY


def test_rewrites(echo: ThreadingHTTPServer) -> None:
    rules = [
        Rule(Rewrite({"ETag": '"other"', "X-Host": None}), "GET", "/a"),
        Rule(Rewrite(body=lambda body: body + b"more"), "GET", "/chunked"),
        Rule(Rewrite(status=206, headers={"Content-Range": "bytes 5-9/10"}), "GET", "/c$"),
        Rule(Rewrite({"Content-Length": "10"}), "GET", "/longer"),
    ]
    with Client(echo, *rules) as client:
        _, headers, body = client.ask("GET", "/a")
        assert (headers["ETag"], "X-Host" in headers, body) == ('"other"', False, BODY)
        assert client.ask("GET", "/chunked")[2] == BODY + b"more"
        assert client.ask("GET", "/c")[::2] == (206, BODY)
        assert client.ask("GET", "/longer")[2] == BODY[:10]


def test_expired_tokens(echo: ThreadingHTTPServer) -> None:
    expire = Expire("old")
    with Client(echo, Rule(expire, on="@1+")) as client:
        assert client.ask("GET", "/a", X_Amz_Security_Token="new")[0] == 200
        with pytest.raises(AssertionError):
            client.proxy.check()
        status, _, body = client.ask("GET", "/a", X_Amz_Security_Token="old")
        assert (status, b"<Code>ExpiredToken</Code>" in body, expire.struck) == (400, True, 1)
        client.proxy.check()


def test_captures(echo: ThreadingHTTPServer) -> None:
    with Client(echo, Rule(Capture())) as client:
        client.ask("PUT", "/a", b"up")
        (put,) = client.proxy.log
        assert (put.request_body, put.answer_body) == (b"up", b"up")


def test_calls_a_rival(echo: ThreadingHTTPServer, got: list[Any]) -> None:
    met: list[int] = []

    def rival(exchange: Exchange) -> None:
        met.append(len(got))

    with Client(echo, Rule(Call(rival), "PUT"), Rule(Call(rival, after=True), "PUT")) as client:
        assert client.ask("PUT", "/a", b"1")[2] == b"1"
    assert met == [0, 1]


def test_crowds(echo: ThreadingHTTPServer) -> None:
    crowd, inside, statuses = Crowd(2), threading.Barrier(3), []

    def waiting() -> None:
        inside.wait(5)

    wait = Rule(Call(lambda _: waiting()), "GET", "/slow", on="@1-2")
    with Client(echo, Rule(crowd), wait) as client:

        def ask() -> None:
            with Client(echo) as other:
                other.connection.port = client.proxy.port
                statuses.append(other.ask("GET", "/slow")[0])

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 5
        while len(crowd.inside) < 2 and time.monotonic() < end:
            time.sleep(0.005)
        assert client.ask("GET", "/fast")[0] == 503
        inside.wait(5)
        for thread in threads:
            thread.join()
        assert (statuses, client.ask("GET", "/fast")[0], crowd.struck) == ([200, 200], 200, 1)


def test_conditions(echo: ThreadingHTTPServer, got: list[Any]) -> None:
    with Client(echo, Rule(Precondition())) as client:
        first = client.ask("PUT", "/b/k", b"1", If_None_Match="*")
        assert first[0] == 200
        status, _, body = client.ask("PUT", "/b/k", b"2", If_None_Match="*")
        assert (status, b"PreconditionFailed" in body) == (412, True)
        assert client.ask("PUT", "/b/k", b"3", If_Match='"no"')[0] == 412
        assert client.ask("PUT", "/b/other", b"3", If_Match='"no"')[0] == 412
        assert client.ask("PUT", "/b/k", b"4", If_Match=first[1]["ETag"])[0] == 200
        assert client.ask("DELETE", "/b/k", If_Match=first[1]["ETag"])[0] == 412
        assert client.ask("DELETE", "/b/k")[0] == 200
        assert client.ask("PUT", "/b/k", b"5", If_None_Match="*")[0] == 200
        assert [one[3] for one in got if one[0] == "PUT"] == [b"1", b"4", b"5"]


def test_one_of_many_creates(echo: ThreadingHTTPServer, got: list[Any]) -> None:
    with Client(echo, Rule(Precondition())) as client:
        statuses = []

        def put() -> None:
            with Client(echo) as other:
                other.connection.port = client.proxy.port
                statuses.append(other.ask("PUT", "/b/k", b"1", If_None_Match="*")[0])

        threads = [threading.Thread(target=put) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [200] + [412] * 7
        assert len(got) == 1


def test_an_ordinary_proxy(echo: ThreadingHTTPServer) -> None:
    address = f"127.0.0.1:{echo.server_address[1]}"
    with Proxy(rules=[Rule(Cut(2000), "CONNECT", on="@2")]) as proxy:
        plain = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=5)
        plain.request("GET", f"http://{address}/a?b=c")
        assert plain.getresponse().read() == BODY
        plain.close()
        tunnel = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=5)
        tunnel.set_tunnel(address)
        tunnel.request("GET", "/a")
        assert tunnel.getresponse().read() == BODY
        tunnel.close()
        tunnel.request("GET", "/a")
        with pytest.raises(http.client.IncompleteRead):
            tunnel.getresponse().read()
        tunnel.close()
        proxy.check()
        assert proxy.seen("CONNECT")[0].path == address


def test_nobody_behind_it(echo: ThreadingHTTPServer) -> None:
    with Client(echo) as client, Proxy("http://127.0.0.1:9") as empty:
        client.connection.port = empty.port
        with pytest.raises(http.client.RemoteDisconnected):
            client.ask("GET", "/a")


class Marked(Mishap):
    async def asked(self, exchange: Exchange) -> None:
        await Status(599).asked(exchange)


def test_random_faults_repeat_by_seed(echo: ThreadingHTTPServer) -> None:
    def outcome(seed: int) -> list[int]:
        randomly = Randomly(0.3, [Marked(), Status(503)], path="^/a")
        with Client(echo, seed=seed, randomly=randomly) as client:
            assert client.ask("GET", "/b")[0] == 200
            return [client.ask("GET", "/a")[0] for _ in range(60)]

    one = outcome(1)
    assert one == outcome(1) != outcome(2)
    assert 5 < sum(status != 200 for status in one) < 35
    assert {599, 503} < set(one)


def test_stopping_ends_connections(echo: ThreadingHTTPServer) -> None:
    client = Client(echo, Rule(Stall(), "GET"))
    client.connection.request("GET", "/a")
    client.proxy.stop()
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        client.connection.getresponse()
    client.connection.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", client.proxy.port), 1)
    client.proxy.stop()


def test_the_log_reads_well(echo: ThreadingHTTPServer) -> None:
    with Client(echo, Rule(Status(503, "SlowDown"), "PUT")) as client:
        client.ask("PUT", "/b/k?x=1", b"12")
        assert "PUT /b/k?x=1 -> 503" in client.proxy.text()
        assert "['Status']" in client.proxy.text()
        json.dumps(client.proxy.text())


DATA = b"x" * (9 << 20)


@pytest.mark.parametrize("able", [False, True])
@pytest.mark.parametrize(
    "part",
    [
        pytest.param("rclone_s3", marks=pytest.mark.needs("rclone")),
        pytest.param("gcs_emulator", marks=pytest.mark.needs("gcs")),
    ],
)
def test_servers_without_conditions_get_them(
    request: pytest.FixtureRequest, flaky: Flaky, part: str, able: bool
) -> None:
    """Signatures hold through the proxy, too: rclone checks them."""
    _, server = flaky(request.getfixturevalue(part), *([Rule(Precondition())] if able else []))
    store = registries()["storage"].get(server.scheme).open(server.url(server.make_bucket()), server.environ)
    found = probe_conditional(store)
    assert (found.create_if_absent, found.replace_if_match) == (able, able)
    for data in (b"", DATA):
        store.put_stream("k", iter([data]), len(data), if_absent=able)
        assert store.read_range("k", max(0, len(data) - 3), 9) == data[-3:]
        if able:
            for again in (b"", DATA):
                with pytest.raises(AlreadyExists):
                    store.put_stream("k", iter([again]), len(again), if_absent=True)
        store.delete("k")
    store.close()
