"""Artifacts that this release did not log: those of earlier ones (one reference to the directory, no manifest, no
digests), and those of other programs."""

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
    for number, name in enumerate(("one", "latest", "v0")):
        got = json.loads(earlier.wabucket("download", f"kind/model:{name}", "-d", f"got{number}", "--json").stdout)
        assert (got["verified"], got["tracking"], got["artifact"]["version"]) == (False, "recorded", "v0")
        assert (earlier.directory / f"got{number}" / "sub" / "b c.txt").read_text() == "beta"
    told = json.loads(earlier.wabucket("lineage", "kind/model:one", "--format", "json").stdout)
    assert len(told["used_by"]) == 3
    (listed,) = json.loads(earlier.wabucket("ls", "--json").stdout)["items"]
    assert (listed["alias"], listed["version"], listed["metadata"]) == ("one", "v0", {"k": "v"})


def test_they_can_be_linked(earlier: Desk) -> None:
    words = ("-n", "model", "-t", "kind", "-a", "two", "--json")
    linked = json.loads(earlier.wabucket("link", "kind/model/one", *words).stdout)
    assert (linked["tracking"], linked["artifact"]["version"], linked["artifact"]["files"]) == ("recorded", "v1", 2)
    got = json.loads(earlier.wabucket("download", "kind/model:two", "-d", "got", "--json").stdout)
    assert got["verified"] is True


def test_what_another_program_logged_says_how_to_fetch_it(desk: Desk) -> None:
    desk.tree()
    desk.python(
        """
import wandb
with wandb.init(project="demo") as run:
    artifact = wandb.Artifact("model", "kind")
    artifact.add_dir("src")
    run.log_artifact(artifact).wait()
"""
    )
    assert "wandb.Api().artifact('model:v0')" in desk.wabucket("download", "kind/model:v0", code=2).stderr
    assert json.loads(desk.wabucket("show", "kind/model:v0", "--json").stdout)["artifact"]["files"] == 2
