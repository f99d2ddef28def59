"""Uploads to real object stores: what a plain script of the SDK makes of the references, with its own client."""

import json

import pytest

from tests.faults import buckets
from tests.servers import Server
from tests.trackers_wandb.conftest import Desk
from tests.trackers_wandb.test_command_line import tree

STORES = [
    pytest.param("rclone_s3", marks=pytest.mark.needs("rclone")),
    pytest.param("moto_s3", marks=pytest.mark.needs("moto")),
]

DOWNLOAD = """
import wandb
artifact = wandb.Api().artifact("{user}/demo/cats:one")
artifact.download("plain")
for path, entry in sorted(artifact.manifest.entries.items()):
    print(path, entry.size, entry.extra.get("versionID"), entry.extra.get("wabucket"), sep="\\t")
"""


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


def versioned(store: Server, bucket: str) -> None:
    buckets.client(store).put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def test_a_plain_script_downloads_from_s3(desk: Desk, store: Server) -> None:
    bucket = store.make_bucket()
    source = desk.tree(large="x" * 9_000_000)
    reach = dict(store.environ) | {"WABUCKET_BUCKET": store.url(bucket)}
    upload = ["upload", "src", "-n", "cats", "-t", "dataset", "-a", "one", "--json"]
    found = json.loads(desk.wabucket(*upload, more=reach).stdout)
    assert (found["tracking"], found["artifact"]["version"]) == ("recorded", "v0")
    desk.python(DOWNLOAD.format(user=desk.user), more=reach)
    got = tree(desk.directory / "plain")
    assert json.loads(got.pop(".wabucket/manifest.json"))["digest"] == found["artifact"]["digest"]
    assert got == tree(source)


@pytest.mark.needs("moto")
def test_references_into_a_versioned_bucket_name_the_version(desk: Desk, moto_s3: Server) -> None:
    bucket = moto_s3.make_bucket()
    versioned(moto_s3, bucket)
    source = desk.tree()
    before = tree(source)
    reach = dict(moto_s3.environ) | {"WABUCKET_BUCKET": moto_s3.url(bucket)}
    upload = ["upload", "src", "-n", "cats", "-t", "dataset", "-a", "one"]
    desk.wabucket(*upload, more=reach)
    said = desk.python(DOWNLOAD.format(user=desk.user), more=reach)
    rows = [line.split("\t") for line in said.splitlines() if "\t" in line]
    assert [row[0] for row in rows] == [".wabucket/manifest.json", *before]
    assert all(row[2] not in ("None", "") for row in rows)
    assert all(row[3].startswith("blake3:") for row in rows if not row[0].startswith(".wabucket/"))
    got = tree(desk.directory / "plain")
    got.pop(".wabucket/manifest.json")
    assert got == before
