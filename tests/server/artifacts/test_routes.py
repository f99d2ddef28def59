"""Artifacts over bare HTTP: the whole way by hand, and what hostile clients try on it."""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.server.inprocess import Inside, inside
from tests.unit.trackers.helpers import WHEN
from wabucketref.model.artifact import LoggedArtifact
from wabucketref.model.run import RunKey, RunUpdate
from wabucketref.trackers.embedded import artifacts, runs
from wabucketref.trackers.embedded.sdk import ids

CREATE = "mutation($i: CreateArtifactInput!) { createArtifact(input: $i) { artifact { id state } } }"
FILES = (
    "mutation($i: CreateArtifactFilesInput!) { createArtifactFiles(input: $i) "
    "{ files { edges { node { uploadUrl storagePath artifact { id } } } } } }"
)
MANIFEST = (
    "mutation($i: CreateArtifactManifestInput!) { createArtifactManifest(input: $i) "
    "{ artifactManifest { id file { uploadUrl } } } }"
)
COMMIT = "mutation($i: CommitArtifactInput!) { commitArtifact(input: $i) { artifact { id state digest } } }"
READ = (
    "query($id: ID!) { artifact(id: $id) { state size fileCount currentManifest { file { directUrl } } "
    "files { totalCount edges { node { name directUrl md5 } } } } }"
)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    with inside(tmp_path_factory.mktemp("app")) as running:
        yield running


def md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


@dataclass
class Client:
    """Does by hand what the SDK does."""

    app: Inside
    project: str

    def ask(self, query: str, given: dict[str, Any]) -> dict[str, Any]:
        answer = self.app.graphql({"query": query, "variables": {"i": given}}, self.app.key)
        assert answer.status == 200, answer.body
        found: dict[str, Any] = answer.json()
        return found

    def create(self, name: str = "data", **more: Any) -> str:
        given = {
            "entityName": "writer",
            "projectName": self.project,
            "artifactTypeName": "dataset",
            "artifactCollectionName": name,
            "digest": name,
            **more,
        }
        return str(self.ask(CREATE, given)["data"]["createArtifact"]["artifact"]["id"])

    def file_url(self, artifact: str, name: str, data: bytes) -> str | None:
        given = {"artifactFiles": [{"artifactID": artifact, "name": name, "md5": md5(data)}], "storageLayout": "V2"}
        (edge,) = self.ask(FILES, given)["data"]["createArtifactFiles"]["files"]["edges"]
        return edge["node"]["uploadUrl"]  # type: ignore[no-any-return]

    def put(self, url: str, data: bytes) -> int:
        return self.app.ask("PUT", "/" + url.split("/", 3)[3], data).status

    def manifest(self, artifact: str, contents: dict[str, Any], **more: Any) -> int:
        given = {
            "artifactID": artifact,
            "name": "wandb_manifest.json",
            "digest": "",
            "entityName": "writer",
            "projectName": self.project,
            "runName": "r",
            "type": "FULL",
        }
        url = self.ask(MANIFEST, given)["data"]["createArtifactManifest"]["artifactManifest"]["file"]["uploadUrl"]
        return self.put(url, json.dumps({"version": 1, "contents": contents, **more}).encode())

    def commit(self, artifact: str) -> dict[str, Any]:
        return self.ask(COMMIT, {"artifactID": artifact})

    def log(self, files: dict[str, bytes], **more: Any) -> str:
        artifact = self.create(**more)
        for name, data in files.items():
            url = self.file_url(artifact, name, data)
            assert url is None or self.put(url, data) == 200
        self.manifest(artifact, {name: {"digest": md5(data), "size": len(data)} for name, data in files.items()})
        assert "errors" not in self.commit(artifact)
        return artifact

    def read(self, artifact: str) -> dict[str, Any]:
        answer = self.app.graphql({"query": READ, "variables": {"id": artifact}}, self.app.reader)
        return answer.json()["data"]["artifact"]  # type: ignore[no-any-return]


@pytest.fixture
def client(app: Inside, request: pytest.FixtureRequest) -> Client:
    return Client(app, hashlib.sha256(request.node.name.encode()).hexdigest()[:20])


def test_the_whole_way_by_hand(client: Client) -> None:
    artifact = client.log({"a.txt": b"hello", "b/c": b""})
    found = client.read(artifact)
    assert (found["state"], found["size"], found["fileCount"]) == ("COMMITTED", 5, 2)
    nodes = {edge["node"]["name"]: edge["node"] for edge in found["files"]["edges"]}
    assert (sorted(nodes), found["files"]["totalCount"]) == (["a.txt", "b/c"], 2)
    answer = client.app.ask("GET", "/" + nodes["a.txt"]["directUrl"].split("/", 3)[3])
    assert (answer.status, answer.body) == (200, b"hello")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    listed = client.app.ask("GET", "/" + found["currentManifest"]["file"]["directUrl"].split("/", 3)[3])
    contents = listed.json()["contents"]
    assert contents["a.txt"] == {"digest": md5(b"hello"), "size": 5, "birthArtifactID": artifact}


@pytest.mark.parametrize(
    ("wanted", "status", "body"),
    [
        ("bytes=0-", 206, b"hello"),
        ("bytes=1-2", 206, b"el"),
        ("bytes=-2", 206, b"lo"),
        ("bytes=3-99", 206, b"lo"),
        ("bytes=5-", 416, b""),
        ("bytes=2-1", 200, b"hello"),
        ("bytes=0-1,3-4", 200, b"hello"),
        ("lines=1-2", 200, b"hello"),
        ("bytes=99999999999999999999-", 200, b"hello"),
    ],
)
def test_parts_of_a_file_are_sent_as_asked(client: Client, wanted: str, status: int, body: bytes) -> None:
    (edge,) = client.read(client.log({"a": b"hello"}))["files"]["edges"]
    answer = client.app.ask("GET", "/" + edge["node"]["directUrl"].split("/", 3)[3], Range=wanted)
    assert (answer.status, answer.body) == (status, body)


def test_other_bytes_than_announced_are_refused_and_what_is_there_stays(client: Client) -> None:
    artifact = client.create()
    url = client.file_url(artifact, "a", b"right")
    assert url is not None
    assert client.put(url, b"wrong") == 400
    client.manifest(artifact, {"a": {"digest": md5(b"right"), "size": 5}})
    assert "were not uploaded" in client.commit(artifact)["errors"][0]["message"]
    assert (client.put(url, b"right"), client.put(url, b"wrong")) == (200, 400)
    assert "errors" not in client.commit(artifact)
    assert client.file_url(artifact, "again", b"right") is None


def test_an_artifact_without_a_manifest_is_not_committed(client: Client) -> None:
    artifact = client.create()
    assert "no manifest" in client.commit(artifact)["errors"][0]["message"]
    assert client.read(artifact)["state"] == "PENDING"


@pytest.mark.row("X11")
@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "a/../../b", ""])
def test_paths_that_lead_out_of_an_artifact_are_refused(client: Client, path: str) -> None:
    artifact = client.create()
    client.manifest(artifact, {path: {"digest": "x", "size": 1, "ref": "s3://b/k"}})
    assert "errors" in client.commit(artifact)


@pytest.mark.row("X11")
@pytest.mark.parametrize("name", ["../up", "a/b", "..", "", "a" * 129, "a\0b", "a%2fb"])
def test_names_that_are_no_names_are_refused(client: Client, name: str) -> None:
    assert "errors" in client.ask(
        CREATE,
        {
            "entityName": "writer",
            "projectName": client.project,
            "artifactTypeName": "dataset",
            "artifactCollectionName": name,
            "digest": "d",
        },
    )


@pytest.mark.row("X11", "X15")
def test_files_by_key_need_the_key_and_name_no_path(client: Client) -> None:
    artifact = client.log({"a.txt": b"hello"})
    digest = hashlib.md5(b"hello", usedforsecurity=False).hexdigest()
    path = f"/artifactsV2/default/writer/{client.project}/data/{artifact}/{digest}/a.txt"
    assert client.app.ask("GET", path).status == 401
    assert client.app.ask("GET", path, key="wrong").status == 401
    assert client.app.ask("GET", path, key=client.app.reader).body == b"hello"
    assert client.app.ask("GET", path.replace("data/", f"data/{artifact}/"), key=client.app.key).body == b"hello"
    for hostile in (
        path.replace(digest, "00" * 16),
        path.replace(digest, "..%2f..%2fcatalog.sqlite"),
        path.replace(digest, "%00"),
        path.replace("a.txt", "..%2f..%2fetc%2fpasswd").replace(digest, "zz"),
        f"/artifactsV2/default/writer/{client.project}/data/{ids.draft_id(999)}/{'11' * 16}/a",
        "/artifactsV2/../../etc/passwd",
    ):
        assert client.app.ask("GET", hostile, key=client.app.key).status == 404, hostile


@pytest.mark.row("X15")
def test_links_are_good_for_what_they_say_and_nothing_else(client: Client) -> None:
    artifact = client.create()
    put = client.file_url(artifact, "a", b"x")
    assert put is not None
    token = put.rpartition("/")[2]
    assert client.app.ask("GET", f"/storage/wandb_artifacts/{token}").status == 403
    assert client.app.ask("GET", f"/storage/{token}/wandb_manifest.json").status == 403
    done = client.read(client.log({"b": b"y"}, name="other"))
    manifest = done["currentManifest"]["file"]["directUrl"].split("/")[-2]
    for path in (f"/storage/wandb_artifacts/{manifest}", f"/blobs/{manifest}"):
        assert client.app.ask("GET", path).status == 403
    forged = f"/storage/{manifest[:-3]}AAA/wandb_manifest.json"
    assert client.app.ask("GET", forged).status == 403


@pytest.mark.row("X15")
def test_a_key_that_only_reads_changes_no_artifact(client: Client) -> None:
    given = {"entityName": "writer", "projectName": "p", "artifactTypeName": "t", "artifactCollectionName": "n"}
    answer = client.app.graphql({"query": CREATE, "variables": {"i": {**given, "digest": "d"}}}, client.app.reader)
    assert answer.status == 403


def test_input_of_a_newer_client_counts_where_it_says_something(client: Client) -> None:
    client.create(aFieldOfNextYear=None)
    given = {"i": {"artifactID": "x", "aFieldOfNextYear": 1}}
    answer = client.app.graphql({"query": COMMIT, "variables": given}, client.app.key)
    assert "aFieldOfNextYear" in answer.message


def test_bytes_go_with_the_last_version_that_has_them(client: Client) -> None:
    first = client.log({"a": b"only here", "b": b"shared"}, digest="1")
    client.log({"b": b"shared"}, digest="2")
    urls = {edge["node"]["name"]: edge["node"]["directUrl"] for edge in client.read(first)["files"]["edges"]}
    delete = "mutation($i: DeleteArtifactInput!) { deleteArtifact(input: $i) { artifact { id } } }"
    assert "errors" not in client.ask(delete, {"artifactID": first, "deleteAliases": True})
    statuses = {name: client.app.ask("GET", "/" + url.split("/", 3)[3]).status for name, url in urls.items()}
    assert statuses == {"a": 404, "b": 200}
    assert client.read(first) is None


def test_uploads_to_buckets_that_the_server_does_not_read_say_where_they_lie(client: Client) -> None:
    run = RunKey("writer", client.project, "r")
    uploaded = LoggedArtifact("x", "dataset", "far", "a1", "blake3:1", "s3://b/d/far/a1", "s3://b", 2, 9, WHEN)
    with client.app.site.write() as connection:
        runs.upsert(connection, RunUpdate(run))
        pk = artifacts.log(connection, run, uploaded)
    given = {"query": READ, "variables": {"id": ids.artifact_id(pk, None)}}
    answer = client.app.graphql(given, client.app.key)
    assert "s3://b" in answer.message
    assert answer.json()["data"]["artifact"]["fileCount"] == 2
