"""Artifacts that plain scripts logged: real files, references to wherever, and both. We bring the tree that the SDK
brings."""

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults import buckets
from tests.servers import Server
from tests.trackers_wandb.conftest import Desk
from tests.trackers_wandb.test_command_line import tree

LOG = """
import wandb
with wandb.init(project="demo") as run:
    artifact = wandb.Artifact("mix", "kind", metadata={{"k": "v"}})
    artifact.add_dir("src")
    artifact.add_file("src/a.txt", name="more/again.txt")
    for reference, name in {references!r}:
        artifact.add_reference(reference, name=name)
    run.log_artifact(artifact, aliases=["one"]).wait()
    print(run.id)
"""
PLAIN = "import wandb; wandb.Api().artifact('{user}/demo/mix:one').download('plain')"


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """A web server with one file."""
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "page.html").write_text("<p>page</p>")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None: ...

        def do_GET(self) -> None:
            if self.path == "/away.html":
                self.send_response(302)
                self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
                self.end_headers()
                return
            super().do_GET()

        do_HEAD = do_GET

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path / "web"))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_real_files_come_verified_and_their_use_is_recorded(desk: Desk) -> None:
    source = desk.tree(large="x" * 3_000_000)
    (source / "empty").write_text("")
    made_by = desk.python(LOG.format(references=[])).strip()
    expected = tree(source) | {"more/again.txt": b"alpha"}
    got, shown, checked, deep, lineage, again = desk.each(
        "download kind/mix:one -d got",
        "show kind/mix:latest --files",
        "verify kind/mix:v0",
        "verify kind/mix:v0 --deep",
        "lineage kind/mix:one --format json",
        "download kind mix one -d got --include *.txt",
    )
    assert tree(desk.directory / "got") == expected
    assert (got["verified"], got["tracking"], got["artifact"]["version"]) == (True, "recorded", "v0")
    assert (got["transfer"]["files_received"], got["artifact"]["files"]) == (5, 5)
    same = ("metadata", "created", "uri", "digest")
    assert [got["artifact"][name] for name in same] == [shown["artifact"][name] for name in same]
    assert (got["artifact"]["metadata"], got["artifact"]["digest"][:4]) == ({"k": "v"}, "md5:")
    assert (again["transfer"]["files_reused"], again["transfer"]["bytes_received"]) == (3, 0)
    assert {one["path"]: one["size"] for one in shown["files"]} == {name: len(data) for name, data in expected.items()}
    assert all(one["digest"].startswith("md5:") for one in shown["files"])
    assert (checked["damage"], deep["damage"], deep["files"]) == ([], [], 5)
    assert (lineage["produced_by"]["id"], [one["id"] for one in lineage["used_by"]]) == (made_by, [got["run"]["id"]])
    # the same through the catalog of the server's own home
    home = ("-p", "demo", "--entity", desk.user)
    out = desk.directory / "embedded"
    served = desk.server.wabucket(*home, "download", "kind/mix:one", "-d", str(out))
    assert (tree(out), served["verified"], served["tracking"]) == (expected, True, "recorded")
    listed = desk.server.wabucket(*home, "show", "kind/mix:one", "--files")["files"]
    assert listed == shown["files"]
    assert desk.server.wabucket(*home, "verify", "kind/mix:one", "--deep")["damage"] == []
    told = desk.server.wabucket(*home, "lineage", "kind/mix:v0", "--format", "json")
    assert served["run"]["id"] in [one["id"] for one in told["used_by"]]


@pytest.mark.needs("moto")
@pytest.mark.row("X8")
def test_references_are_followed_in_the_bucket_and_elsewhere_only_when_asked(
    desk: Desk, moto_s3: Server, web: str
) -> None:
    bucket, other = moto_s3.make_bucket(), moto_s3.make_bucket()
    client = buckets.client(moto_s3)
    for place, key in ((bucket, "d/x"), (bucket, "d/sub/y z"), (bucket, "one"), (other, "o")):
        client.put_object(Bucket=place, Key=key, Body=key.encode())
    desk.tree()
    (desk.directory / "shared").mkdir()
    (desk.directory / "shared" / "s p.txt").write_text("shared")
    reach = dict(moto_s3.environ)
    references = [
        (f"s3://{bucket}/d", "d"),
        (f"s3://{bucket}/one", "one"),
        (f"s3://{other}/o", "other/o"),
        (f"file://{desk.directory}/shared", "shared"),
        (f"{web}/page.html", "page.html"),
    ]
    desk.python(LOG.format(references=references), more=reach)
    desk.python(PLAIN.format(user=desk.user), more=reach)
    expected = tree(desk.directory / "plain")
    assert len(expected) == 9
    mine = reach | {"WABUCKET_BUCKET": f"s3://{bucket}"}
    refused = desk.wabucket("download", "kind/mix:one", "-d", "got", code=2, more=mine)
    assert "3 of the files" in refused.stderr
    assert all(place in refused.stderr for place in (f"s3://{other}/o", "/shared/s p.txt", f"{web}/page.html"))
    assert not (desk.directory / "got").exists()
    outside = ["--exclude", "other/", "--exclude", "shared/", "--exclude", "page.html"]
    some, every, looked = desk.each(
        f"download kind/mix:one -d some {' '.join(outside)}",
        "download kind/mix:one -d got --follow-references",
        "verify kind/mix:one --deep --follow-references",
        more=mine,
    )
    assert tree(desk.directory / "some") == {
        name: data for name, data in expected.items() if not name.startswith(("other/", "shared/", "page"))
    }
    assert tree(desk.directory / "got") == expected
    # nothing vouches for the bytes of the page; of objects the etag does, where it is an MD5
    assert (some["verified"], every["verified"], every["tracking"], looked["damage"]) == (True, False, "recorded", [])
    client.put_object(Bucket=bucket, Key="one", Body=b"2")
    changed = desk.wabucket("download", "kind/mix:one", "-d", "changed", *outside, code=7, more=mine)
    assert "it was replaced" in changed.stderr
    damaged = desk.wabucket("verify", "kind/mix:one", "--follow-references", "--json", code=7, more=mine)
    assert [one["path"] for one in json.loads(damaged.stdout)["damage"]] == ["one"]


@pytest.mark.row("X8")
def test_a_redirect_into_the_machine_s_own_network_is_not_followed(desk: Desk, web: str) -> None:
    desk.tree()
    desk.python(
        f"""
import wandb
from wandb.sdk.artifacts.artifact_manifest_entry import ArtifactManifestEntry
with wandb.init(project="demo") as run:
    artifact = wandb.Artifact("mix", "kind")
    artifact.manifest.add_entry(ArtifactManifestEntry(path="p", ref="{web}/away.html", digest="e", size=5))
    run.log_artifact(artifact, aliases=["one"]).wait()
"""
    )
    told = desk.wabucket("download", "kind/mix:one", "-d", "got", "--follow-references", code=4)
    assert "169.254.169.254, which is not followed" in told.stderr
    assert not (desk.directory / "got").exists()
