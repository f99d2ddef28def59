"""A store made of requests: against a server that does to each connection what a test wants."""

import gc
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.unit.store.native.stage import Play, Stage, text
from wabucketref.errors import (
    IntegrityError,
    NotAuthorised,
    NotFound,
    OutcomeUnknown,
    TransientError,
    UsageError,
    WaBucketError,
)
from wabucketref.plugin.http import Answer, Call, Client
from wabucketref.store.disk.intofile import IntoFile
from wabucketref.store.native.width import Width


@dataclass(frozen=True)
class Request:
    what: str = "bucket x"
    writing: bool = False

    def failed(self, message: str) -> TransientError:
        return (OutcomeUnknown if self.writing else TransientError)(message)


class Small(Client):
    """A store that knows two refusals, and whose credentials count up."""

    number = 1

    def signed(self, call: Call) -> tuple[str, Mapping[str, str]]:
        if "unsigned" in call.headers:
            raise NotAuthorised("nobody asks")
        return call.query, {**call.headers, "authorization": f"key {self.number}"}

    def refusal(self, call: Call, answer: Answer) -> WaBucketError:
        if answer.status == 401:
            error = NotAuthorised(answer.body.decode())
            error.expired = True
            return error
        return NotFound(f"{answer.status} {answer.reason}")

    def renew(self, answer: Answer) -> None:
        self.number += 1


Open = Callable[[Callable[[int], bytes]], Small]


@pytest.fixture
def open_at(stage: Callable[[Play], Stage]) -> Iterator[Open]:
    """A client of a server that answers the request of each number with these bytes."""
    opened: list[Small] = []

    def make(say: Callable[[int], bytes]) -> Small:
        def play(connection: socket.socket, number: int) -> None:
            connection.sendall(say(number))

        server = stage(play)
        client = Small(f"http://127.0.0.1:{server.port}/root", setting="SMALL_URL", stall=5.0)
        client.server = server  # type: ignore[attr-defined]
        opened.append(client)
        return client

    yield make
    for client in opened:
        client.close()


def get(**options: object) -> Call:
    return Call(Request(), "GET", "/a", **options)  # type: ignore[arg-type]


def test_credentials_that_are_too_old_are_renewed_once(open_at: Open) -> None:
    client = open_at(lambda number: text(b"old", status="401 No") if number == 0 else text(b"new"))
    assert client.send(get()).body == b"new"
    assert client.number == 2


def test_credentials_that_stay_too_old_are_an_error(open_at: Open) -> None:
    client = open_at(lambda number: text(b"old %d" % number, status="401 No"))
    with pytest.raises(NotAuthorised, match="old 1"):
        client.send(get())
    assert client.number == 2


def test_of_many_the_one_with_old_credentials_is_asked_again(open_at: Open) -> None:
    client = open_at(lambda number: text(b"old", status="401 No") if number == 2 else text(b"%d" % number))
    came = dict(client.many(iter(range(5)), lambda number: get(), Width(1), lambda: None))
    assert sorted(came) == [0, 1, 2, 3, 4]
    assert all(isinstance(answer, Answer) and answer.body.isdigit() for answer in came.values())


class Renewed(BaseHTTPRequestHandler):
    """Takes the second credentials only."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        time.sleep(0.005)  # so that several are under way
        self.send_response(200 if self.headers["Authorization"] == "key 2" else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


def test_of_many_with_old_credentials_one_has_them_renewed() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Renewed) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        with closing(Small(f"http://127.0.0.1:{server.server_port}", setting="SMALL_URL", stall=5.0)) as client:
            came = dict(client.many(iter(range(30)), lambda number: get(), Width(8), lambda: None))
            assert [type(answer) for answer in came.values()] == [Answer] * 30
            assert client.number == 2
        server.shutdown()


@pytest.mark.parametrize("first", ["refused", "unsigned"])
def test_of_many_those_that_cannot_be_made_fail_alone(open_at: Open, first: str) -> None:
    def call_for(number: int) -> Call:
        if number == 0 and first == "refused":
            raise UsageError("not this one")
        return get(headers={"unsigned": "1"} if number == 0 else {})

    client = open_at(lambda number: text(b"x"))
    came = dict(client.many(iter(range(4)), call_for, Width(2), lambda: None))
    assert isinstance(came.pop(0), UsageError if first == "refused" else NotAuthorised)
    assert [type(answer) for answer in came.values()] == [Answer] * 3


def test_without_a_server_none_of_many_but_the_first_is_told() -> None:
    client = Small("nonsense", setting="SMALL_URL", stall=1.0)
    asked = iter(range(5))
    ((number, error),) = client.many(asked, lambda number: get(), Width(2), lambda: None)
    assert number == 0
    assert isinstance(error, WaBucketError)
    assert "SMALL_URL" in (error.hint or "")
    assert list(asked) == [1, 2, 3, 4]


def test_a_proxy_that_wants_a_login_is_no_answer_of_the_store(open_at: Open) -> None:
    client = open_at(lambda number: text(b"", status="407 Proxy Authentication Required"))
    with pytest.raises(NotAuthorised, match="407, the proxy demands a login"):
        client.send(get())


def test_a_refusal_costs_no_connection_unless_something_was_sent(open_at: Open) -> None:
    client = open_at(lambda number: text(b"no", status="404 Not Found"))
    for _ in range(3):
        with pytest.raises(NotFound, match="404 Not Found"):
            client.send(get())
    assert client.server.connections == 1  # type: ignore[attr-defined]
    assert client.send(get(also=frozenset({404}))).status == 404
    with pytest.raises(NotFound):
        client.send(Call(Request(), "PUT", "/a", body=b"unheard"))
    with pytest.raises(NotFound):
        client.send(get())
    assert client.server.connections == 2  # type: ignore[attr-defined]


def ranged(number: int, start: int = 3, data: bytes = b"data", status: str = "206 Partial Content") -> bytes:
    return text(data, f"Content-Range: bytes {start}-{start + len(data) - 1}/100", status=status)


def test_a_range_is_handed_over(open_at: Open, tmp_path: Path) -> None:
    client = open_at(ranged)
    found = bytearray()
    assert client.pour(get(limit=4), 3, found.extend) == 4
    assert found == b"data"
    with open(tmp_path / "file", "w+b") as file:
        into = IntoFile(file.fileno(), 1, lambda count: None, "write")
        assert client.pour(get(limit=10), 3, into) == 4
        assert into.at == 5
    assert (tmp_path / "file").read_bytes() == b"\0data"


def test_a_range_behind_the_end_has_no_bytes(open_at: Open) -> None:
    client = open_at(lambda number: text(b"no", status="416 Range"))
    assert client.pour(get(limit=4, also=frozenset({416})), 3, bytearray().extend) == 0


@pytest.mark.parametrize(
    "answer",
    [
        ranged(0, start=2),
        ranged(0, data=b"longer"),
        text(b"data"),
        b"HTTP/1.1 206 P\r\nContent-Range: bytes 3-6/100\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nlonger\r\n0\r\n\r\n",
    ],
)
def test_what_is_not_the_range_is_not_taken_for_it(open_at: Open, answer: bytes) -> None:
    client, found = open_at(lambda number: answer), bytearray()
    with pytest.raises(TransientError, match="did not send the range"):
        client.pour(get(limit=4), 3, found.extend)
    assert found == b""


def test_what_the_sink_raises_comes_through(open_at: Open) -> None:
    def full(piece: memoryview) -> None:
        raise IntegrityError("no more")

    with closing(open_at(ranged)) as client, pytest.raises(IntegrityError, match="no more"):
        client.pour(get(limit=4), 3, full)


def test_more_than_the_limit_is_not_read(open_at: Open) -> None:
    client = open_at(lambda number: text(b"x" * 100))
    assert client.send(get(limit=99)).body == b""
    assert client.send(get(limit=100)).body == b"x" * 100


def test_the_head_of_a_request(stage: Callable[[Play], Stage]) -> None:
    server = stage(lambda connection, number: None)
    client = Small(f"http://127.0.0.1:{server.port}", setting="SMALL_URL", stall=5.0)
    call = Call(Request(), "PUT", "/a%20b", "c=1", {"x-own": "2"}, b"body")
    came = client._head(client._ready(call.asked).pool, call).decode().split("\r\n")
    assert came[0] == "PUT /a%20b?c=1 HTTP/1.1"
    assert {"x-own: 2", "authorization: key 1", "content-length: 4", "accept-encoding: identity"} <= set(came)
    assert f"host: 127.0.0.1:{server.port}" in came
    client.close()


@pytest.mark.parametrize("many", [False, True])
def test_what_a_refusal_leaves_behind_holds_no_connection(open_at: Open, many: bool) -> None:
    """Without waiting for the collector, which closes nothing in order."""

    def call_for(number: int) -> Call:
        if number == 1:
            raise UsageError("not this one")
        return get(headers={"unsigned": "1"} if number == 2 else {})

    client = open_at(lambda number: text(b"no", status="404 Not Found"))
    gc.disable()
    try:
        line = weakref.ref(client._ready(Request()))
        if many:
            for _, answer in client.many(iter(range(4)), call_for, Width(1), lambda: None):
                assert isinstance(answer, WaBucketError)
            del answer
        else:
            with pytest.raises(NotFound):
                client.send(get())
        client.close()
        assert line() is None
    finally:
        gc.enable()
