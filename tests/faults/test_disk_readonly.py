"""Disks that turn read-only under a command, or are so from the beginning."""

from pathlib import Path

import pytest

from tests.faults import invariants, trees
from tests.faults.conftest import MakeWorld
from tests.faults.disk import disk
from tests.faults.procs import World
from tests.faults.shortage import DOWNLOAD, PLACES, REF, TREE, UPLOAD, Place, check_destination, check_works, worlds

pytestmark = pytest.mark.needs("mounts")


@pytest.mark.row("I4")
@pytest.mark.parametrize("where", [where for where in PLACES if where.name in ("bucket", "out")], ids=str)
def test_on_the_way(make_world: MakeWorld, where: Place, seed: int) -> None:
    for number in (1 + seed % 6, 7 + seed % 6):
        for world, found in worlds(make_world, where):
            # A file that is open for writing keeps the kernel from it: then at the next point.
            ended = world.run(*where.command, points=f"*=readonly:{found.path}@{number}+")
            assert ended.code == 4, ended
            invariants.honest(ended)
            assert str(found.path) in ended.err
            assert "read-only" in ended.err
            check_destination(world, whole=False)
            if where.name == "bucket":
                assert not invariants.all_or_nothing(world, REF)
            found.writable()
            check_works(world, where.command)


@pytest.mark.row("I4")
@pytest.mark.needs("strace")
@pytest.mark.parametrize("number", [2, 3])
def test_the_journal_on_the_way(world: World, number: int) -> None:
    trees.make(world.directory / "src", TREE)
    world.env["WANDB_RUN_ID"] = "one"
    journal = world.home / "journal" / "one.journal"
    ended = world.traced(f"write:error=EROFS:when={number}", *UPLOAD, only=[journal])
    assert world.injected, "it wrote nothing"
    assert ended.code == 4, ended
    invariants.honest(ended)
    assert str(journal) in ended.err
    assert not invariants.all_or_nothing(world, REF)
    del world.env["WANDB_RUN_ID"]
    check_works(world, UPLOAD)


@pytest.mark.row("F4")
def test_a_home_that_is_read_only_can_be_looked_at_and_downloaded_with(world: World) -> None:
    trees.make(world.directory / "src", TREE)
    with disk(world.home) as found:
        world.ok(*UPLOAD)
        found.read_only()
        for command in (UPLOAD, DOWNLOAD, ("sync",)):
            refused = world.run(*command)
            assert refused.code == 4, (command, refused)
            invariants.honest(refused)
            assert str(world.home) in refused.err
        assert not (world.directory / "out").exists()
        world.env["WABUCKET_TRACKER"] = "disabled"
        for command in (("show", REF), ("verify", REF), DOWNLOAD):
            looked = world.run(*command)
            assert looked.code == 0, (command, looked)
        assert trees.read(world.directory / "out") == TREE


@pytest.mark.row("F4")
@pytest.mark.parametrize("where", ["missing", "missing/and/above"])
def test_a_home_that_is_missing_is_made_for_its_owner_alone(world: World, where: str) -> None:
    home = world.directory / where
    world.env["WABUCKET_HOME"] = str(home)
    trees.make(world.directory / "src", TREE)
    world.ok(*UPLOAD)
    assert home.stat().st_mode & 0o777 == 0o700
    assert [path for path in home.rglob("*") if path.is_file() and path.stat().st_mode & 0o077] == []


@pytest.mark.row("F4")
def test_a_home_that_is_a_file_is_a_setting_to_correct(world: World) -> None:
    trees.make(world.directory / "src", TREE)
    world.home.write_text("")
    refused = world.run(*UPLOAD)
    assert refused.code == 2, refused
    assert str(world.home) in refused.err
    assert not Path(world.bucket.removeprefix("file://")).exists()
