"""Who may ask, from where, with what key; what every answer carries."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.inprocess import Inside, inside
from wabucketref.server.accounts import fingerprint
from wabucketref.server.links import CallLinks

VIEWER = "{ viewer { username } }"
UPSERT = 'mutation { upsertBucket(input: {name: "r", modelName: "p"}) { bucket { id } } }'


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    with inside(tmp_path_factory.mktemp("app")) as running:
        yield running


@pytest.mark.row("X14")
@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost", True),
        ("localhost:1234", True),
        ("127.0.0.1:80", True),
        ("LOCALHOST", True),
        ("[::1]:8080", True),
        ("evil.example.org", False),
        ("localhost.evil.example.org", False),
        ("127.0.0.1.nip.io:80", False),
        ("localhost:80@evil.example.org", False),
        ("localhost:http", False),
        ("", False),
        ("169.254.169.254", False),
    ],
)
def test_only_its_own_names_are_answered(app: Inside, host: str, allowed: bool) -> None:
    assert app.graphql(VIEWER, Host=host).status == (200 if allowed else 403)
    assert app.ask("GET", "/healthz", Host=host).status == (200 if allowed else 403)


@pytest.mark.row("X14")
def test_two_names_at_once_are_refused(app: Inside) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example.org\r\n\r\n"
    assert app.raw(request).status in (400, 403)


@pytest.mark.row("X14")
@pytest.mark.parametrize("origin", ["http://evil.example.org", "null", "http://localhost:1", "file://"])
def test_pages_of_others_are_refused(app: Inside, origin: str) -> None:
    for method, path in (("POST", "/graphql"), ("PUT", "/blobs/x"), ("OPTIONS", "/graphql"), ("GET", "/healthz")):
        answer = app.ask(method, path, b"{}", key=app.key, Origin=origin)
        assert answer.status == 403, (method, path)
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.row("X14")
def test_its_own_pages_may_ask(app: Inside) -> None:
    assert app.graphql(VIEWER, Origin=f"http://127.0.0.1:{app.port}").status == 200


@pytest.mark.row("X14")
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
def test_plain_forms_change_nothing(app: Inside, kind: str | None) -> None:
    assert app.graphql(UPSERT, Content_Type=kind).status == 415
    assert app.ask("POST", "/files/writer/p/r/file_stream", b"{}", key=app.key, Content_Type=kind).status == 415


ROUTES = [
    ("POST", "/graphql", json.dumps({"query": VIEWER}).encode(), False),
    ("POST", "/graphql", json.dumps({"query": UPSERT}).encode(), True),
    ("POST", "/files/writer/p/r/file_stream", b"{}", True),
]
"""Method, path, body, whether it writes."""


@pytest.mark.row("X15")
@pytest.mark.parametrize(("method", "path", "body", "writes"), ROUTES)
def test_each_route_needs_the_right_key(app: Inside, method: str, path: str, body: bytes, writes: bool) -> None:
    app.graphql(UPSERT)
    ask: Any = lambda **headers: app.ask(method, path, body, **headers).status  # noqa: E731
    assert ask() == 401
    assert ask(key="0" * 40) == 401
    assert ask(key="") == 401
    assert ask(Authorization="Basic !!!") == 401
    assert ask(Authorization="Basic " + "A" * 5000) == 401
    assert ask(Authorization="Digest x") == 401
    assert ask(key=app.reader) == (403 if writes else 200)
    assert ask(key=app.key) == 200
    assert ask(Authorization=f"Bearer {app.key}") == 200


@pytest.mark.row("X15")
def test_every_route_is_in_the_matrix(app: Inside) -> None:
    """A new route has to be thought of here: open, signed, or with a key."""
    from wabucketref.server import blobs
    from wabucketref.server.areas import AREAS

    signed_or_open = {"/healthz", "/blobs/{token}"}
    keyed = {"/graphql", "/files/{entity}/{project}/{run}/file_stream"}
    found = {route.path for route in blobs.routes({})}
    found |= {
        getattr(route, "path", "") for area in AREAS if area.name in ("base", "runs", "files") for route in area.routes
    }
    assert found <= signed_or_open | keyed


@pytest.mark.row("X15")
def test_a_reader_gets_no_link_to_write(app: Inside) -> None:
    app.graphql(UPSERT)
    create = """mutation { createRunFiles(input: {entityName: "writer", projectName: "p", runName: "r", files: ["f"]})
                { files { uploadUrl } } }"""
    url = app.graphql(create).json()["data"]["createRunFiles"]["files"][0]["uploadUrl"]
    assert app.ask("PUT", url.removeprefix(f"http://127.0.0.1:{app.port}"), b"<script>").status == 200
    query = """{ project(name: "p", entityName: "writer") { run(name: "r") {
                 files { edges { node { url(upload: true) } } } } } }"""
    files = app.graphql(query, app.reader).json()["data"]["project"]["run"]["files"]
    assert files["edges"] == [{"node": {"url": None}}]


@pytest.mark.row("X15")
def test_keys_are_hashed_at_rest_and_can_be_revoked(app: Inside) -> None:
    made = app.graphql('mutation { generateApiKey(input: {description: "ci"}) { apiKey { id name } } }').json()
    key = made["data"]["generateApiKey"]["apiKey"]
    assert app.graphql(VIEWER, key["name"]).json() == {"data": {"viewer": {"username": "writer"}}}
    assert app.site.catalog.file is not None
    stored = b"".join(path.read_bytes() for path in Path(app.site.catalog.file).parent.glob("catalog.sqlite*"))
    assert key["name"].encode() not in stored
    assert fingerprint(key["name"]).encode() in stored
    listed = app.graphql("{ viewer { apiKeys { edges { node { id name description } } } } }").json()
    mine = [edge["node"] for edge in listed["data"]["viewer"]["apiKeys"]["edges"]]
    assert {"id": key["id"], "name": "", "description": "ci"} in mine
    delete = "mutation M($id: String!) { deleteApiKey(input: {id: $id}) { success } }"
    gone = app.graphql({"query": delete, "variables": {"id": key["id"]}})
    assert gone.json()["data"]["deleteApiKey"]["success"] is True
    assert app.graphql(VIEWER, key["name"]).status == 401
    assert app.graphql({"query": delete, "variables": {"id": key["id"]}}).message


@pytest.mark.row("X15")
def test_guessing_keys_is_slowed_down_and_stops_nobody_else(tmp_path: Path) -> None:
    with inside(tmp_path) as app:
        assert app.graphql(VIEWER).status == 200
        seen = [app.graphql(VIEWER, f"{number:040}").status for number in range(110)]
        assert seen[:100] == [401] * 100
        assert seen[100:] == [429] * 10
        assert app.graphql(VIEWER).status == 200


@pytest.mark.row("X13")
@pytest.mark.parametrize("name", ["a.html", "a.svg", 'x"; filename=evil.html', "ä\u202e.js"])
def test_files_are_never_shown_as_pages(app: Inside, name: str) -> None:
    app.graphql(UPSERT)
    query = """mutation M($n: String!) { createRunFiles(input: {entityName: "writer", projectName: "p", runName: "r",
               files: [$n]}) { files { uploadUrl } } }"""
    made = app.graphql({"query": query, "variables": {"n": name}}).json()["data"]["createRunFiles"]["files"][0]
    assert app.ask("PUT", made["uploadUrl"].removeprefix(f"http://127.0.0.1:{app.port}"), b"<script>").status == 200
    query = """query Q($n: [String]) { project(name: "p") { run(name: "r") {
               files(names: $n) { edges { node { directUrl } } } } } }"""
    found = app.graphql({"query": query, "variables": {"n": [name]}}).json()["data"]["project"]["run"]["files"]
    url = found["edges"][0]["node"]["directUrl"]
    answer = app.ask("GET", url.removeprefix(f"http://127.0.0.1:{app.port}"))
    assert (answer.status, answer.body) == (200, b"<script>")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
    assert '"' not in answer.headers["content-disposition"]


@pytest.mark.row("X13", "X14")
@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/healthz", 200), ("POST", "/graphql", 401), ("GET", "/nothing", 404)]
)
def test_every_answer_keeps_browsers_in_check(app: Inside, method: str, path: str, status: int) -> None:
    answer = app.ask(method, path)
    assert answer.status == status
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server" not in answer.headers


@pytest.mark.row("X16")
def test_logs_stay_on_their_line_and_sql_stays_text(app: Inside, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "wabucketref")
    nasty = "x' OR 1=1; DROP TABLE run; --"
    query = """query Q($p: String, $f: JSONString, $o: String) {
               project(name: $p) { runs(filters: $f, order: $o) { totalCount } } }"""
    for given in (
        {"p": nasty},
        {"p": "p", "o": nasty},
        {"p": "p", "o": "config.x); DROP TABLE run"},
        {"p": "p", "f": json.dumps({f"config.{nasty}": nasty})},
        {"p": "p", "f": json.dumps({"display_name": nasty})},
    ):
        answer = app.graphql({"query": query, "variables": given})
        assert answer.status == 200
    app.ask("GET", "/nothing%0Aerror:%20forged%1b[31m", key=app.key)
    app.graphql({"query": '{ viewer { id "a\\nerror: forged" } }'})
    app.graphql({"query": '{ project(name: "%\\n") { id } nothing }'})
    assert app.graphql('{ project(name: "p") { runCount } }').status == 200
    assert all("\n" not in record.getMessage() and "\x1b" not in record.getMessage() for record in caplog.records)


@pytest.mark.row("X11")
@pytest.mark.parametrize(
    "path",
    [
        "/files/writer/p/../../../etc/passwd/file_stream",
        "/files/writer/p/%2e%2e/file_stream",
        "/files/writer/p/..%2f..%2fetc/file_stream",
        "/files/writer/p/%5c..%5cetc/file_stream",
        "/files/writer/p/r%00/file_stream",
        "/files//p/r/file_stream",
        "//files/writer/p/r/file_stream",
        "/files/writer/p/r/file_stream/../../x",
        "/blobs/../catalog.sqlite",
        "/blobs/%2e%2e%2fcatalog.sqlite",
        "/blobs/runs%2f00%2f00",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/static/..%2f..%2fcatalog.sqlite",
        "/graphql/../catalog.sqlite",
        "http://evil.example.org/graphql",
        "/files/writer/p/r/file_stream?x=/etc/passwd",
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
def test_paths_lead_nowhere(app: Inside, path: str, method: str) -> None:
    app.graphql(UPSERT)
    answer = app.ask(method, path, b"{}", key=app.key)
    known = method == "POST" and path.endswith("file_stream?x=/etc/passwd")
    assert answer.status == 200 if known else 400 <= answer.status < 500, answer
    assert b"root:" not in answer.body
    assert b"SQLite" not in answer.body


@pytest.mark.row("X11")
@pytest.mark.parametrize(
    "name",
    ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/.", "x\0y", "x\ny", "..\\x", "a" * 1025, "\x1b[31m", "./a"],
)
def test_names_that_could_leave_a_directory_are_refused(app: Inside, name: str) -> None:
    app.graphql(UPSERT)
    query = """mutation M($n: String!) { createRunFiles(input: {entityName: "writer", projectName: "p", runName: "r",
               files: [$n]}) { files { uploadUrl } } }"""
    answer = app.graphql({"query": query, "variables": {"n": name}})
    assert "the name" in answer.message


@pytest.mark.row("X11")
@pytest.mark.parametrize("field", ["name", "modelName", "entityName"])
@pytest.mark.parametrize("value", ["a/b", "a\\b", "a\0b", "a\nb", "x" * 129, "a#b", "a?b"])
def test_names_of_runs_and_projects_follow_the_rules(app: Inside, field: str, value: str) -> None:
    query = "mutation M($i: UpsertBucketInput!) { upsertBucket(input: $i) { bucket { id } } }"
    given = {"name": "r", "modelName": "p", field: value}
    answer = app.graphql({"query": query, "variables": {"i": given}})
    assert answer.message
    assert answer.json()["data"]["upsertBucket"] is None


def test_links_lead_back_the_way_the_client_came(app: Inside) -> None:
    app.graphql(UPSERT)
    create = """mutation { createRunFiles(input: {entityName: "writer", projectName: "p", runName: "r", files: ["f"]})
                { files { uploadUrl } } }"""
    for headers, start in (({}, "http://"), ({"X_Forwarded_Proto": "https"}, "https://")):
        answer = app.graphql(create, Host="localhost:99", **headers)
        url = answer.json()["data"]["createRunFiles"]["files"][0]["uploadUrl"]
        assert url.startswith(f"{start}localhost:99/blobs/")


@pytest.mark.row("X11", "X15")
def test_links_stay_good_only_as_they_were_made(app: Inside) -> None:
    app.graphql('mutation { upsertBucket(input: {name: "r", modelName: "p"}) { inserted } }')
    query = """mutation { createRunFiles(input: {entityName: "writer", projectName: "p", runName: "r", files: ["f"]})
               { files { uploadUrl } } }"""
    url = app.graphql(query).json()["data"]["createRunFiles"]["files"][0]["uploadUrl"]
    path = url.removeprefix(f"http://127.0.0.1:{app.port}")
    assert app.ask("GET", path).status == 403, "a link to put does not get"
    assert app.ask("PUT", path[:-2] + "xx", b"x").status == 403
    assert app.ask("PUT", "/blobs/nothing", b"x").status == 403
    old = CallLinks(app.site.links, "")
    assert app.ask("PUT", path, b"mine").status == 200
    assert old.get("runs/none", "n") != old.get("runs/none", "m")
    assert app.ask("GET", old.get("runs/none", "n")).status == 404
