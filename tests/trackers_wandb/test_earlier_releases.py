"""Artifacts that this release did not log: those of earlier ones (one reference to the directory, no manifest, no
digests)."""

import json

import pytest

from tests.trackers_wandb.conftest import Desk

LOG = """
import wandb
from wandb.sdk.artifacts.artifact_manifest_entry import ArtifactManifestEntry
with wandb.init(project="demo") as run:
    artifact = wandb.Artifact("model", "kind", metadata={"k": "v"})
    place = "%s"  # what add_reference(place, name="platform_blob", checksum=False) makes of a URL of S3
    artifact.manifest.add_entry(ArtifactManifestEntry(path="platform_blob", ref=place, digest=place))
    run.log_artifact(artifact, aliases=["one"]).wait()
"""


@pytest.fixture
def earlier(desk: Desk) -> Desk:
    """A desk whose bucket and W&B project have one such artifact."""
    place = desk.directory / "home" / "buckets" / "demo" / "kind" / "model" / "one"
    place.parent.mkdir(parents=True)
    desk.tree().rename(place)
    desk.python(LOG % place.as_uri())
    return desk


def test_they_download_and_their_use_is_recorded(earlier: Desk) -> None:
    names = ("one", "latest", "v0")
    downloads = [f"download kind/model:{name} -d {name}" for name in names]
    *got, told, ls = earlier.each(*downloads, "lineage kind/model:one --format json", "ls")
    for name, found in zip(names, got, strict=True):
        assert (found["verified"], found["tracking"], found["artifact"]["version"]) == (False, "recorded", "v0")
        assert (found["artifact"]["metadata"], found["artifact"]["digest"]) == ({"k": "v"}, None)
        assert (earlier.directory / name / "sub" / "b c.txt").read_text() == "beta"
    assert len(told["used_by"]) == 3
    (listed,) = ls["items"]
    assert (listed["alias"], listed["version"], listed["metadata"]) == ("one", "v0", {"k": "v"})


def test_they_can_be_linked(earlier: Desk) -> None:
    words = ("-n", "model", "-t", "kind", "-a", "two", "--json")
    linked = json.loads(earlier.wabucket("link", "kind/model/one", *words).stdout)
    assert (linked["tracking"], linked["artifact"]["version"], linked["artifact"]["files"]) == ("recorded", "v1", 2)
    got = json.loads(earlier.wabucket("download", "kind/model:two", "-d", "got", "--json").stdout)
    assert got["verified"] is True


def versions(desk: Desk) -> dict[str, list[str]]:
    """Aliases by version, as a plain script sees them."""
    artifacts = f"wandb.Api().artifacts('kind', '{desk.user}/demo/model')"
    said = desk.python(f"import wandb, json; print(json.dumps({{a.version: sorted(a.aliases) for a in {artifacts}}}))")
    found: dict[str, list[str]] = json.loads(said)
    return found


def test_adopted_they_are_verified_by_us_and_by_plain_scripts(earlier: Desk) -> None:
    _, before, planned, told, after, checked, again, runs = earlier.each(
        "alias kind/model:one prod",
        "download kind/model:prod -d before",
        "adopt kind/model:prod --dry-run",
        "adopt kind/model:prod",
        "download kind/model:prod -d after",
        "verify kind/model:one --deep",
        "adopt kind/model:one",
        "runs",
    )
    assert (planned["dry_run"], planned["run"], planned["artifact"]["files"]) == (True, None, 2)
    artifact, transfer = told["artifact"], told["transfer"]
    assert (told["tracking"], artifact["version"], artifact["metadata"]) == ("recorded", "v1", {"k": "v"})
    assert (artifact["aliases"], artifact["alias"]) == (["one", "prod", "latest"], "one")
    assert (transfer["bytes_sent"], transfer["bytes_reused"], transfer["files_reused"]) == (0, 9, 2)
    assert (before["verified"], after["verified"], after["artifact"]["digest"]) == (False, True, artifact["digest"])
    assert checked["damage"] == []
    assert (again["run"], again["artifact"]["version"], again["artifact"]["digest"]) == (None, "v1", artifact["digest"])
    assert len(runs["items"]) == 4  # that of the plain script, two downloads, one adoption
    assert versions(earlier) == {"v0": [], "v1": ["latest", "one", "prod"]}
    earlier.python(f"import wandb; wandb.Api().artifact('{earlier.user}/demo/model:one').download('plain')")
    assert (earlier.directory / "plain" / "sub" / "b c.txt").read_text() == "beta"


@pytest.mark.row("T1", "T2")
def test_what_was_latest_stays_latest_whatever_gets_lost(earlier: Desk) -> None:
    earlier.tree(more="x")
    earlier.wabucket("upload", "src", "-n", "model", "-t", "kind", "-a", "two")
    with earlier.server.faults() as faults:
        faults.add("AddAliases", status=403, times=1)
        earlier.url = faults.url
        told = earlier.wabucket("adopt", "kind/model", "--json", code=8)
        assert faults.struck("AddAliases") == 1
    earlier.url = None
    (item,) = json.loads(told.stdout)["items"]
    assert (item["artifact"]["alias"], item["tracking"]) == ("one", "pending")
    assert earlier.each("sync", "adopt kind/model")[1] == {"items": []}
    assert versions(earlier) == {"v0": [], "v1": ["latest", "two"], "v2": ["one"]}


@pytest.mark.row("T4")
def test_offline_the_manifest_comes_at_once_and_the_record_with_sync(earlier: Desk) -> None:
    offline = {"WANDB_MODE": "offline"}
    before, told, after = earlier.each(
        "download kind/model:one -d before", "adopt kind/model:one", "download kind/model:one -d after", more=offline
    )
    assert (before["verified"], told["tracking"], after["verified"], after["tracking"]) == (
        False,
        "pending",
        True,
        "pending",
    )
    _, lineage = earlier.each("sync", "lineage kind/model:one --format json")
    assert {after["run"]["id"]} <= {one["id"] for one in lineage["used_by"]}
    assert versions(earlier) == {"v0": [], "v1": ["latest", "one"]}
