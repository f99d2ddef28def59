"""Disks without room for bytes or files, in each place that is written to; all sizes: ``tests/load/test_disks.py``."""

import random
from pathlib import Path

import pytest

from tests.faults import invariants, trees
from tests.faults.conftest import MakeWorld
from tests.faults.disk import disk
from tests.faults.procs import World
from tests.faults.shortage import PAGE, PLACES, REF, TREE, UPLOAD, Place, filled_at, sample, too_small
from wabucketref import WaBucketRefAPI
from wabucketref.errors import LocalIOError, NotFound
from wabucketref.model.reference import ArtifactRef
from wabucketref.operations.download import download
from wabucketref.operations.upload import upload

pytestmark = pytest.mark.needs("mounts")


@pytest.mark.row("I1")
@pytest.mark.parametrize("where", [where for where in PLACES if where.pages], ids=str)
def test_a_disk_too_small(make_world: MakeWorld, where: Place, rng: random.Random) -> None:
    too_small(make_world, where, pages=sample(rng, where.pages - 1, 2))


@pytest.mark.row("I2")
@pytest.mark.parametrize("where", [where for where in PLACES if where.inodes], ids=str)
def test_a_disk_with_too_few_inodes(make_world: MakeWorld, where: Place, rng: random.Random) -> None:
    too_small(make_world, where, inodes=sample(rng, where.inodes - 1, 2))


@pytest.mark.row("I1")
@pytest.mark.parametrize("where", PLACES, ids=str)
def test_a_disk_that_fills_up_on_the_way(make_world: MakeWorld, where: Place, seed: int) -> None:
    codes = filled_at(make_world, where, [1 + seed % 8, 9 + seed % 9])
    assert set(codes) & {5, 8}, "it was never short of room"


@pytest.mark.row("I1")
def test_what_cannot_be_recorded_is_refused_at_the_call(world: World, mounts: None) -> None:
    source = trees.make(world.directory / "src", TREE)
    given = {"home": str(world.home), "tracker": "embedded"}
    with disk(world.home / "journal") as found, WaBucketRefAPI(world.bucket, "demo", settings=given) as api:
        run = api.wandb_start_run()
        run.log({"text": "before"})
        found.fill()
        with pytest.raises(LocalIOError, match="No space left") as caught:
            run.log({"text": "x" * 5000})
        assert caught.value.exit_code == 5
        with pytest.raises(LocalIOError, match="No space left"):
            api.upload(source, "cats", "dataset", "one", metadata={"note": "x" * 5000})
        assert not Path(world.bucket.removeprefix("file://")).exists(), "bytes went out that could not be recorded"
        found.free()
        run.log({"text": "after"})
        api.upload(source, "cats", "dataset", "one")
    invariants.one_version(world, REF, TREE)
    (ended,) = invariants.ended_runs(world)
    assert (ended["state"], ended["summary"]["text"], ended["outputs"]) == ("finished", "after", [REF])
    invariants.settled(world)


@pytest.mark.row("I1")
def test_bytes_that_are_safe_are_recorded_once_there_is_room(world: World, mounts: None) -> None:
    trees.make(world.directory / "src", TREE)
    with disk(world.home) as found:
        ended = world.run("--json", *UPLOAD, points=f"upload.header_answered=fill:{found.path}")
        assert (ended.code, ended.json()["tracking"]) == (8, "pending"), ended
        assert "no space is left" in ended.err
        found.free()
        assert world.run("sync").code == 0
        invariants.one_version(world, REF, TREE)
        invariants.settled(world)


@pytest.mark.row("I1")
@pytest.mark.parametrize("room", [0, 5], ids=["none", "too little"])
def test_no_room_for_temporary_files(
    world: World, mounts: None, monkeypatch: pytest.MonkeyPatch, room: int, rng: random.Random
) -> None:
    """Lists of very many files are kept in them; here already short ones."""
    monkeypatch.setattr("wabucketref.store.sending.writing._SPOOL_BYTES", 1)
    monkeypatch.setattr("wabucketref.store.receiving.wanted._MEMORY", 1)
    tree = {f"{number:04}-{rng.randbytes(20).hex()}": b"" for number in range(700)}
    source, out = trees.make(world.directory / "src", tree), world.directory / "out"
    ref = ArtifactRef.parse(REF)
    with disk(world.directory / "tmp", size=64 << 10) as found, world.open(tracker="disabled") as workspace:
        monkeypatch.setattr("tempfile.tempdir", str(found.path))
        upload(workspace, source, "cats", "dataset", "whole")
        found.resize(size=max(1, room) * PAGE)
        if not room:
            found.fill()
        with pytest.raises(LocalIOError, match="temporary file") as caught:
            upload(workspace, source, "cats", "dataset", "one")
        assert "inodes" in (caught.value.hint or "")
        with pytest.raises(NotFound):
            download(workspace, ref, out)
        with pytest.raises(LocalIOError, match="temporary file"):
            download(workspace, ArtifactRef.parse("dataset/cats:whole"), out)
        assert not out.exists()
        found.resize(size=1 << 20)
        upload(workspace, source, "cats", "dataset", "one")
        download(workspace, ref, out)
    assert trees.read(out) == tree


@pytest.mark.row("I1")
def test_no_room_for_a_temporary_destination(world: World, mounts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"home": str(world.home), "tracker": "disabled"}
    with disk(world.directory / "tmp", inodes=2) as found, WaBucketRefAPI(world.bucket, "demo", settings=given) as api:
        api.wandb_start_run()
        monkeypatch.setattr("tempfile.tempdir", str(found.path))
        (found.path / "other").touch()
        with pytest.raises(LocalIOError, match="temporary directory") as caught:
            api.download_artifact("cats", "dataset", "one")
        assert "TMPDIR" in (caught.value.hint or "")
