"""``kill -9`` at every point of every operation, on a local disk."""

import pytest

from tests.faults import invariants, trees
from tests.faults.conftest import MakeWorld
from tests.faults.procs import World

REF = "dataset/cats:one"
UPLOAD = ("upload", "src", "-n", "cats", "-t", "dataset", "-a", "one")
MOST_POINTS = 200


def with_source(world: World) -> World:
    trees.make(world.directory / "src", trees.TWO_FILES)
    return world


def points_of(world: World, *argv: str) -> list[str]:
    """The points that an undisturbed command passes."""
    log = world.directory / "points"
    ended = world.run(*argv, points=f"*=log:{log}")
    assert ended.code == 0, ended
    return log.read_text().split()


@pytest.mark.parametrize("way", ["sync", "again"])
def test_upload(make_world: MakeWorld, way: str) -> None:
    points = points_of(with_source(make_world()), *UPLOAD)
    for number in range(1, MOST_POINTS):
        world = with_source(make_world())
        ended = world.run(*UPLOAD, points=f"*=kill@{number}")
        if ended.code == 0:
            break
        assert ended.code == -9, ended
        print(f"killed at {number}: {points[number - 1] if number <= len(points) else '?'}")
        visible = invariants.all_or_nothing(world, REF, trees.TWO_FILES)
        if way == "again":
            assert world.run(*UPLOAD).code == 0
        synced = world.run("sync")
        assert synced.code == 0, synced
        invariants.settled(world)
        found = invariants.ended_runs(world)
        if way == "again" or visible or found and found[-1]["outputs"]:
            invariants.one_version(world, REF, trees.TWO_FILES)
            assert any(run["state"] == "finished" and run["outputs"] == [REF] for run in found), found
        if way == "sync":
            assert len(found) <= 1
            invariants.all_or_nothing(world, REF, trees.TWO_FILES)
    else:
        pytest.fail("it is killed for ever")
    assert number > 20
