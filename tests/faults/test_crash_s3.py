"""``kill -9`` at points of an upload to S3, with conditional put (moto) and without (rclone)."""

import pytest

from tests.faults import buckets, invariants, trees
from tests.faults.conftest import MakeWorld
from tests.faults.procs import World
from tests.servers import Server

REF = "dataset/cats:one"
UPLOAD = ("upload", "src", "-n", "cats", "-t", "dataset", "-a", "one")
MOST_POINTS = 200
STRIDE = 7


@pytest.fixture(
    params=[
        pytest.param("moto_s3", marks=pytest.mark.needs("moto")),
        pytest.param("rclone_s3", marks=pytest.mark.needs("rclone")),
    ]
)
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


def tidy(server: Server, world: World) -> None:
    found = buckets.objects(server, world.bucket)
    assert {key for key in found if key.startswith("dataset/")} == {
        "dataset/cats/one/a.txt",
        "dataset/cats/one/deep/er/b.bin",
        "dataset/cats/one/.wabucket/entries.jsonl.zst",
        "dataset/cats/one/.wabucket/manifest.json",
    }
    if server.name == "moto":  # rclone lists none
        assert buckets.unfinished(server, world.bucket) == []


@pytest.mark.slow
def test_upload(make_world: MakeWorld, server: Server, seed: int) -> None:
    for number in range(1 + seed % STRIDE, MOST_POINTS, STRIDE):
        world = make_world(server)
        trees.make(world.directory / "src", trees.TWO_FILES)
        ended = world.run(*UPLOAD, points=f"*=kill@{number}", may_miss=True)
        if ended.code == 0:
            assert number > 20
            return
        assert ended.code == -9, ended
        print(f"killed at point {number}")
        invariants.all_or_nothing(world, REF, trees.TWO_FILES)
        if number % 2:
            again = world.run(*UPLOAD)
            assert again.code == 0, again
        synced = world.run("sync")
        assert synced.code == 0, synced
        invariants.settled(world)
        if invariants.all_or_nothing(world, REF, trees.TWO_FILES):
            invariants.one_version(world, REF, trees.TWO_FILES)
            tidy(server, world)
        else:
            assert number % 2 == 0
            assert not any(run["outputs"] for run in invariants.ended_runs(world))
    pytest.fail("it is killed for ever")


@pytest.mark.parametrize(
    "point", ["upload.claimed", "upload.entries_put", "upload.header_sent", "upload.header_answered"]
)
def test_around_the_commit(make_world: MakeWorld, server: Server, point: str) -> None:
    world = make_world(server)
    trees.make(world.directory / "src", trees.TWO_FILES)
    assert world.run(*UPLOAD, points=f"{point}=kill").code == -9
    visible = invariants.all_or_nothing(world, REF, trees.TWO_FILES)
    assert visible == (point == "upload.header_answered")
    synced = world.run("sync")
    assert synced.code == 0, synced
    (run,) = invariants.ended_runs(world)
    assert (run["state"], run["outputs"]) == ("finished", [REF])
    invariants.one_version(world, REF, trees.TWO_FILES)
    tidy(server, world)
