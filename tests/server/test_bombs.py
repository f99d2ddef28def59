"""Requests that ask too much: of the parser, of memory, of patience."""

import gzip
import json
import math
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.inprocess import Inside, basic, inside
from wabucketref.server.site import Limits


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    limits = Limits(body=1 << 20, stream=1 << 20, upload=1 << 16, stall=0.3, project=100_000)
    with inside(tmp_path_factory.mktemp("app"), limits) as running:
        yield running


def deep(levels: int) -> str:
    """Fields in fields: a project's runs' projects' runs …"""
    inner = "name"
    for _ in range(levels):
        inner = f"project {{ runs {{ edges {{ node {{ {inner} }} }} }} }}"
    return f'{{ project(name: "p") {{ run(name: "r") {{ {inner} }} }} }}'


CIRCLE = "{ viewer { ...A } } fragment A on User { id ...B } fragment B on User { name ...A }"
DOUBLING = "{ viewer { ...F0 } } " + " ".join(
    f"fragment F{n} on User {{ a{n}: id ...F{n + 1} b{n}: name ...F{n + 1} }}" for n in range(40)
)
DOUBLING += " fragment F40 on User { id }"

QUERIES = {
    "syntax": "{ viewer { ",
    "unknown field": "{ viewer { shoeSize } }",
    "unknown operation": "mutation { launchRockets(input: {}) { success } }",
    "deep": deep(4),
    "very deep": "{ viewer " * 4000 + "}" * 4000,
    "deep value": "{ viewer(a: " + "[" * 3000 + "]" * 3000 + ") { id } }",
    "aliases": "{ " + " ".join(f"a{n}: viewer {{ id }}" for n in range(10_000)) + " }",
    "circle": CIRCLE,
    "doubling fragments": DOUBLING,
    "repeated fields": "{ " + "viewer { id } " * 200 + "}",
    "repeated fields in fragments": "{ "
    + " ".join(f"...F{n}" for n in range(40))
    + " }"
    + " ".join(f"fragment F{n} on Query {{ {'viewer { id } ' * 5} }}" for n in range(40)),
    "ten megabytes": "{ viewer { id } } #" + "x" * 10_000_000,
    "batch": [{"query": "{ viewer { id } }"}] * 3,
    "number": {"query": 5},
    "variables": {"query": "{ viewer { id } }", "variables": [1]},
    "type of a variable": {
        "query": "query Q($n: Int!) { models(first: $n) { totalCount } }",
        "variables": {"n": "many"},
    },
    "no operation": {"query": "query A { viewer { id } } query B { viewer { id } }"},
}


@pytest.mark.row("X10")
@pytest.mark.parametrize("name", QUERIES)
def test_queries_that_ask_too_much_are_refused_at_once(app: Inside, name: str) -> None:
    spent = math.inf
    for _ in range(3):  # the garbage of a thousand earlier tests is looked through in one of them at most
        begun = time.process_time()
        answer = app.graphql(QUERIES[name])
        spent = min(spent, time.process_time() - begun)
        if spent < 0.3:
            break
    assert answer.status in (200, 400, 413), answer
    assert answer.message
    assert answer.json().get("data") is None
    assert spent < 0.3, "seconds of this process, server and test together"
    assert app.graphql("{ viewer { entity } }").json() == {"data": {"viewer": {"entity": "writer"}}}


@pytest.mark.row("X10")
def test_what_is_unknown_is_named(app: Inside) -> None:
    assert "shoeSize" in app.graphql(QUERIES["unknown field"]).message
    assert "launchRockets" in app.graphql(QUERIES["unknown operation"]).message


def test_all_that_the_sdk_asks_is_within_the_bounds(app: Inside) -> None:
    """Its longest public query has some hundred fields, ten deep: far from the limits."""
    answer = app.graphql(deep(2))
    assert answer.status == 200, answer


def made(app: Inside, run: str = "r") -> str:
    """A run; its path for the file stream."""
    query = f'mutation {{ upsertBucket(input: {{name: "{run}", modelName: "p"}}) {{ bucket {{ id }} }} }}'
    assert app.graphql(query).status == 200
    return f"/files/writer/p/{run}/file_stream"


def link(app: Inside, name: str = "f") -> str:
    """The path of an upload link."""
    query = """mutation { createRunFiles(input: {entityName: "writer", projectName: "p", runName: "r", files: ["f"]})
               { files { uploadUrl } } }"""
    url: str = app.graphql(query).json()["data"]["createRunFiles"]["files"][0]["uploadUrl"]
    return url.removeprefix(f"http://127.0.0.1:{app.port}")


@pytest.mark.row("X12")
def test_a_gzip_bomb_is_not_unpacked(app: Inside) -> None:
    path = made(app)
    bomb = gzip.compress(b" " * (200 << 20))
    answer = app.ask("POST", path, bomb, key=app.key, Content_Encoding="gzip")
    assert answer.status == 413, answer
    for body, status in ((bomb[: len(bomb) // 2], 413), (b"\x1f\x8b nothing", 400)):
        assert app.ask("POST", path, body, key=app.key, Content_Encoding="gzip").status == status
    assert app.ask("POST", path, b"{}", key=app.key, Content_Encoding="br").status == 400


@pytest.mark.row("X12", "X20")
def test_bodies_that_are_too_big_are_not_read(app: Inside) -> None:
    path = made(app)
    for announced in ("1048577", "1" + "0" * 30):
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        head += f"Authorization: {basic(app.key)}\r\nContent-Length: {announced}\r\n\r\n"
        answer = app.raw(head.encode())
        assert answer.status in (400, 413), answer
    chunked = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    chunked += f"Authorization: {basic(app.key)}\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = app.raw(chunked.encode() + (b"10000\r\n" + b" " * 0x10000 + b"\r\n") * 17)
    assert answer.status == 413, answer


@pytest.mark.row("X12")
@pytest.mark.parametrize("sent", [0, 5])
def test_a_body_that_stops_is_given_up(app: Inside, sent: int) -> None:
    path = made(app)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += f"Authorization: {basic(app.key)}\r\nContent-Length: 50\r\n\r\n"
    with socket.create_connection(("127.0.0.1", app.port), 10) as connection:
        connection.sendall(head.encode() + b" " * sent)
        assert app.read(connection).status == 408


@pytest.mark.row("X12")
def test_a_body_that_drips_is_given_up(tmp_path: Path) -> None:
    with inside(tmp_path, Limits(stall=0.1, slowest=1 << 10)) as app:
        path = made(app)
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        head += f"Authorization: {basic(app.key)}\r\nContent-Length: 500000\r\n\r\n"
        with socket.create_connection(("127.0.0.1", app.port), 10) as connection:
            connection.sendall(head.encode())
            for _ in range(200):
                connection.sendall(b" ")
                if select.select([connection], [], [], 0.02)[0]:
                    break
            assert app.read(connection).status == 408


@pytest.mark.row("X12")
def test_an_upload_is_bounded_alone_and_with_all_of_its_project(app: Inside) -> None:
    made(app)
    assert app.ask("PUT", link(app), b"x" * (1 << 16)).status == 200
    assert app.ask("PUT", link(app), b"x" * ((1 << 16) + 1)).status == 413
    assert app.ask("PUT", link(app), b"x", Content_MD5="AAAAAAAAAAAAAAAAAAAAAA==").status == 400
    query = """mutation { createRunFiles(input: {entityName: "writer", projectName: "p", runName: "r", files: ["g"]})
               { files { uploadUrl } } }"""
    assert app.ask("PUT", path_of(app, app.graphql(query).json()), b"x" * 40_000).status == 200
    answer = app.graphql(query)
    assert "at most 100000" in answer.message


def path_of(app: Inside, document: Any) -> str:
    url: str = document["data"]["createRunFiles"]["files"][0]["uploadUrl"]
    return url.removeprefix(f"http://127.0.0.1:{app.port}")


@pytest.mark.row("X20")
def test_long_regular_expressions_cost_linear_time(app: Inside) -> None:
    made(app)
    app.graphql(
        'mutation { upsertBucket(input: {name: "r", modelName: "p", notes: "%s!"}) { inserted } }' % ("a" * 5000)
    )
    for pattern in ("(a+)+$", "(a|a)*b", "(.*)*x", "a{1,50}b", "(a?){40}a{40}$"):
        query = 'query Q($f: JSONString) { project(name: "p") { runCount(filters: $f) } }'
        begun = time.process_time()
        answer = app.graphql({"query": query, "variables": {"f": json.dumps({"notes": {"$regex": pattern}})}})
        assert answer.json()["data"]["project"]["runCount"] in (0, 1)
        assert time.process_time() - begun < 1.5, pattern


@pytest.mark.row("X20")
@pytest.mark.parametrize(
    "filters", ['{"$where": "1"}', '{"notes": {"$regex": "(?<=a)b"}}', "[" * 50_000, '{"a.b.c": 1}', '{"$and": 5}', "5"]
)
def test_filters_that_are_none_are_refused(app: Inside, filters: str) -> None:
    made(app)
    query = 'query Q($f: JSONString) { project(name: "p") { runCount(filters: $f) } }'
    assert app.graphql({"query": query, "variables": {"f": filters}}).message
