"""What must hold after every fault: one function a promise."""

import json
from pathlib import Path
from typing import Any

from tests.faults import trees
from tests.faults.procs import World
from tests.faults.trees import Tree
from wabucketref.errors import NotFound
from wabucketref.model.reference import ArtifactRef
from wabucketref.operations import look
from wabucketref.operations.download import download
from wabucketref.operations.verify import verify


def all_or_nothing(world: World, ref: str, *allowed: Tree) -> bool:
    """A reader gets one of the `allowed` trees, byte for byte, or "not found"; whether it got one."""
    target = world.directory / f"seen-{len(list(world.directory.glob('seen-*')))}"
    with world.open(tracker="disabled") as workspace:
        try:
            download(workspace, ArtifactRef.parse(ref), target)
        except NotFound:
            assert not target.exists(), "nothing, but something was left"
            return False
    assert trees.read(target) in [dict(tree) for tree in allowed], "a mix"
    return True


def honest(ended: Any) -> None:
    """A failure says what and what to do, shows no traceback, and prints no result."""
    assert ended.code != 0
    assert "Traceback" not in ended.err
    assert ended.out == "" or "error" in json.loads(ended.out)
    assert "error: " in ended.err or ended.out


def one_version(world: World, ref: str, tree: Tree) -> None:
    """The artifact has exactly one version, with the right bytes."""
    kind, _, alias = ref.partition(":")
    with world.open() as workspace:
        items = look.list_artifacts(workspace, *kind.split("/"))
        assert [(item.version, item.alias) for item in items] == [("v0", alias)], items
        verified = verify(workspace, ArtifactRef.parse(ref), deep=True)
        assert (verified.damage, verified.extra) == ((), ())
    assert all_or_nothing(world, ref, tree), "it cannot be read"


def runs(world: World) -> list[dict[str, Any]]:
    with world.open() as workspace:
        return [run.to_dict() for run in look.list_runs(workspace)]


def ended_runs(world: World) -> list[dict[str, Any]]:
    """All runs; none of them may still be open."""
    found = runs(world)
    assert all(run["state"] != "running" for run in found), found
    return found


def settled(world: World) -> None:
    """No journal waits, and nothing of an upload under way is left."""
    assert world.journals == [], world.journals
    memory = world.home / "cache" / "uploads"
    assert list(memory.glob("*")) == []
    left = no_claims(world)
    assert left == []


def no_claims(world: World) -> list[str]:
    """Claims in a local bucket. A kill may leave a temporary file of a small object, which nothing lists."""
    if not world.bucket.startswith("file://"):
        return []
    root = Path(world.bucket.removeprefix("file://"))
    return [path.relative_to(root).as_posix() for path in root.rglob("*") if "claim" in path.name]
