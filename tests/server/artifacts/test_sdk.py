"""W&B's SDK, unmodified and in processes of its own: artifacts made, used, named, linked, read and deleted."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.sdk import Sdk

LOG = """
import pathlib
pathlib.Path("a.txt").write_text("hello")
pathlib.Path("far.txt").write_text("not uploaded")
with wandb.init(project="demo") as producer:
    made = wandb.Artifact("data", "dataset", metadata={"k": 1}, description="first")
    made.add_file("a.txt")
    made.add_file("a.txt", "deep/ünï.txt")
    made.add_reference(pathlib.Path("far.txt").resolve().as_uri(), name="far.txt")
    producer.log_artifact(made, aliases=["best"], tags=["t"]).wait()
"""


def test_files_and_references_come_back_and_lineage_is_known_on_both_sides(sdk: Sdk) -> None:
    found = sdk.run(
        LOG
        + """
with wandb.init(project="demo") as consumer:
    used = consumer.use_artifact("data:best")
    root = pathlib.Path(used.download("out"))  # the SDK mixes files up with skip_cache
    tree = {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}
    entry = pathlib.Path(used.get_entry("deep/ünï.txt").download("one", skip_cache=True)).read_text()
answer = {
    "tree": tree,
    "entry": entry,
    "facts": [used.id == made.id, used.version, sorted(used.aliases), used.tags, used.metadata, used.description],
    "digest": [used.digest, made.manifest.digest()],
    "size": [used.size, used.file_count],
    "runs": [used.logged_by().id, [run.id for run in used.used_by()], producer.id, consumer.id],
}
"""
    )
    assert found["tree"] == {"a.txt": "hello", "deep/ünï.txt": "hello", "far.txt": "not uploaded"}
    assert found["entry"] == "hello"
    assert found["facts"] == [True, "v0", ["best", "latest"], ["t"], {"k": 1}, "first"]
    assert found["digest"][0] == found["digest"][1]
    assert found["size"] == [22, 3]
    logged_by, used_by, producer, consumer = found["runs"]
    assert (logged_by, used_by) == (producer, [consumer])
    ours = sdk.server.wabucket("-p", "demo", "--entity", sdk.user, "lineage", "dataset/data:best", "--format", "json")
    assert ours["produced_by"]["id"] == producer
    assert [run["id"] for run in ours["used_by"]] == [consumer]
    assert ours["artifact"]["version"] == "v0"


def test_versions_are_described_named_linked_and_deleted(sdk: Sdk) -> None:
    found = sdk.run(
        LOG
        + """
import datetime
api = wandb.Api()
one = api.artifact("demo/data:v0")
one.aliases.append("prod")
one.aliases.remove("best")
one.description, one.metadata, one.tags = "second", {"k": 2}, ["u"]
one.ttl = datetime.timedelta(days=3)
one.save()
again = api.artifact("demo/data:prod")
linked = again.link("other/picked", aliases=["champion"])
collection = api.artifact_collection("dataset", "demo/data")
collection.description, collection.name, collection.type, collection.tags = "what", "renamed", "kind", ["c"]
collection.save()
renamed = api.artifact("demo/renamed:prod")
through = api.artifact("other/picked:champion")
tree = pathlib.Path(through.download("linked", skip_cache=True), "a.txt").read_text()
answer = {
    "again": [sorted(again.aliases), again.description, again.metadata, again.tags, again.ttl.days],
    "linked": [linked.is_link, linked.version, sorted(linked.aliases), through.source_name, through.id == again.id],
    "linked_artifacts": [one.qualified_name for one in renamed.linked_artifacts],
    "renamed": [renamed.type, renamed.collection.description, renamed.collection.tags],
    "tree": tree,
    "types": sorted(kind.name for kind in api.artifact_types("demo")),
}
linked.unlink()
answer["unlinked"] = api.artifact_exists("other/picked:v0")
try:
    renamed.delete()
except wandb.errors.CommError as error:
    answer["refused"] = str(error)
renamed.delete(delete_aliases=True)
answer["deleted"] = api.artifact_exists("demo/renamed:v0")
"""
    )
    assert found["again"] == [["latest", "prod"], "second", {"k": 2}, ["u"], 3]
    assert found["linked"] == [True, "v0", ["champion", "latest"], "renamed:v0", True]
    assert found["linked_artifacts"] == [f"{sdk.user}/other/picked:v0"]
    assert found["renamed"] == ["kind", "what", ["c"]]
    assert (found["tree"], found["types"]) == ("hello", ["kind"])
    assert (found["unlinked"], found["deleted"]) == (False, False)
    assert "has aliases" in found["refused"]


def test_incremental_distributed_and_drafted_artifacts_are_merged(sdk: Sdk) -> None:
    found = sdk.run(
        """
def artifact(name, **more):
    made = wandb.Artifact("parts", "dataset", **more)
    with made.new_file(name) as file:
        file.write(name)
    return made

with wandb.init(project="demo") as run:
    run.log_artifact(artifact("a")).wait()
    run.log_artifact(artifact("b", incremental=True)).wait()
    draft = wandb.Api().artifact("demo/parts:v1").new_draft()
    with draft.new_file("c") as file:
        file.write("c")
    draft.remove("a")
    run.log_artifact(draft).wait()
    run.upsert_artifact(artifact("d"), distributed_id="group")
    run.upsert_artifact(artifact("e"), distributed_id="group")
    run.finish_artifact(artifact("f"), distributed_id="group").wait()
answer = [sorted(one.manifest.entries) for one in wandb.Api().artifacts("dataset", "demo/parts")]
"""
    )
    assert found == [["d", "e", "f"], ["b", "c"], ["a", "b"], ["a"]]


def test_equal_content_is_one_version_and_its_bytes_are_sent_once(sdk: Sdk) -> None:
    found = sdk.run(
        """
import pathlib
def log(name, text, *aliases):
    pathlib.Path("same.bin").write_text(text)
    made = wandb.Artifact(name, "dataset")
    made.add_file("same.bin")
    with wandb.init(project="demo") as run:
        run.log_artifact(made, aliases=list(aliases)).wait()
    return made.version
answer = [log("one", "x" * 1000), log("one", "x" * 1000, "again"), log("two", "x" * 1000), log("one", "other")]
answer.append(sorted(wandb.Api().artifact("demo/one:again").aliases))
"""
    )
    assert found == ["v0", "v0", "v0", "v1", ["again"]]
    stored = [path for path in sdk.server.home.rglob("artifacts/*/*") if path.is_file()]
    assert sum(path.read_bytes() == b"x" * 1000 for path in stored) == 1


def test_artifacts_of_an_offline_run_are_there_after_its_sync_once(sdk: Sdk) -> None:
    directory = sdk.run(LOG.replace(".wait()", "") + "answer = producer.settings.sync_dir", WANDB_MODE="offline")
    for arguments in (("sync", directory), ("sync", "--include-synced", directory)):
        ran = sdk.cli(*arguments)
        assert ran.returncode == 0, ran.stdout + ran.stderr
    shown = sdk.server.wabucket("-p", "demo", "--entity", sdk.user, "ls")["items"]
    assert [(item["name"], item["version"], sorted(item["aliases"])) for item in shown] == [
        ("data", "v0", ["best", "latest"])
    ]


@pytest.mark.parametrize("region", ["coreweave-us"])
def test_a_storage_region_that_is_not_here_is_refused_by_name(sdk: Sdk, region: str) -> None:
    ran = sdk.process(
        f"""
with wandb.init(project="demo") as run:
    made = wandb.Artifact("data", "dataset", storage_region={region!r})
    with made.new_file("a") as file:
        file.write("a")
    run.log_artifact(made).wait()
"""
    )
    assert ran.returncode != 0
    assert region in ran.stderr


def test_what_the_command_line_uploads_comes_to_a_plain_script_as_references(sdk: Sdk, tmp_path: Path) -> None:
    tree = {"w.bin": "weights", "deep/ä b.txt": "text"}
    for name, text in tree.items():
        (tmp_path / "model" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / name).write_text(text)
    place = ("-p", "demo", "--entity", sdk.user)
    sdk.server.wabucket(*place, "upload", str(tmp_path / "model"), "-n", "net", "-t", "model", "-a", "a1", "-m", "k=1")
    sdk.server.wabucket(*place, "alias", "model/net:a1", "prod")
    found = sdk.run(
        """
import pathlib
with wandb.init(project="demo") as run:
    used = run.use_artifact("net:prod")
    root = pathlib.Path(used.download("out"))
tree = {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}
manifest = tree.pop(".wabucket/manifest.json")
used.aliases.append("champion")
used.save()
answer = {
    "tree": tree,
    "manifest": __import__("json").loads(manifest)["digest"],
    "facts": [used.version, used.type, sorted(used.aliases), used.metadata, used.logged_by().project],
    "files": [[file.name, file.size] for file in used.files(per_page=1)],
    "run": run.id,
}
"""
    )
    assert found["tree"] == tree
    shown = sdk.server.wabucket(*place, "show", "model/net:champion")["artifact"]
    assert found["manifest"] == shown["digest"]
    assert found["facts"] == ["v0", "model", ["a1", "champion", "latest", "prod"], {"k": "1"}, "demo"]
    assert [name for name, _ in found["files"]] == [".wabucket/manifest.json", "deep/ä b.txt", "w.bin"]
    lineage = sdk.server.wabucket(*place, "lineage", "model/net:a1", "--format", "json")
    assert [run["id"] for run in lineage["used_by"]] == [found["run"]]


def test_the_command_line_in_the_server_s_home_reads_and_removes_what_the_sdk_logged(sdk: Sdk, tmp_path: Path) -> None:
    before = _stored(sdk)
    sdk.run(LOG)
    assert _stored(sdk) - before
    place = ("-p", "demo", "--entity", sdk.user)
    download = ("download", "dataset/data:best", "-d")
    command = [sys.executable, "-m", "wabucketref", *place, *download, str(tmp_path / "not")]
    ran = subprocess.run(command, env=sdk.server.environ, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, "far.txt" in ran.stderr, (tmp_path / "not").exists()) == (2, True, False)
    got = sdk.server.wabucket(*place, *download, str(tmp_path / "out"), "--follow-references")
    tree = {str(one.relative_to(tmp_path / "out")): one.read_text() for one in (tmp_path / "out").rglob("*.txt")}
    assert tree == {"a.txt": "hello", "deep/ünï.txt": "hello", "far.txt": "not uploaded"}
    assert (got["verified"], got["tracking"], got["artifact"]["version"]) == (True, "recorded", "v0")
    looked = sdk.server.wabucket(*place, "verify", "dataset/data:v0", "--deep", "--follow-references")
    assert (looked["files"], looked["damage"]) == (3, [])
    assert sdk.server.wabucket(*place, "rm", "dataset/data:v0")["artifact"]["files"] == 3
    assert sdk.server.wabucket(*place, "ls")["items"] == []
    assert not _stored(sdk) - before


def _stored(sdk: Sdk) -> set[Path]:
    """The files that the server keeps, of other users of the same one too."""
    return {one for one in (sdk.server.home / "served" / "artifacts").rglob("*") if one.is_file()}
