"""Large files: killed or stopped in the middle, they go on part by part, and nothing is left behind."""

import re
from pathlib import Path

import pytest

from tests.faults import buckets, invariants, trees
from tests.faults.conftest import MakeWorld
from tests.faults.procs import World
from tests.servers import Server

REF = "dataset/cats:one"
UPLOAD = ("upload", "src", "-n", "cats", "-t", "dataset", "-a", "one")
PART = 8 << 20
PARTS = 6
SIZE = PARTS * PART - 100


@pytest.fixture(
    params=[
        "local",
        pytest.param("moto_s3", marks=pytest.mark.needs("moto")),
        pytest.param("rclone_s3", marks=pytest.mark.needs("rclone")),
    ]
)
def server(request: pytest.FixtureRequest) -> Server | None:
    return None if request.param == "local" else request.getfixturevalue(request.param)


def content(seed: int) -> bytes:
    """Bytes of which no two parts are equal."""
    return b"".join(b"%08d" % (number + 1000 * seed) * (PART // 8) for number in range(PARTS))[:SIZE]


def with_source(world: World, seed: int = 0) -> dict[str, bytes | None]:
    tree: dict[str, bytes | None] = {"a.txt": b"alpha\n", "big.bin": content(seed)}
    trees.make(world.directory / "src", tree)
    return tree


def nothing_left(world: World, server: Server | None, tree: dict[str, bytes | None]) -> None:
    """One version with the right bytes; no parts, no staging files, no memory."""
    invariants.settled(world)
    invariants.one_version(world, REF, tree)
    if server is None:
        root = Path(world.bucket.removeprefix("file://"))
        assert [path for path in root.rglob("*") if "tmp" in path.name] == []
    elif server.name == "moto":  # rclone lists none
        assert buckets.unfinished(server, world.bucket) == []


def sent(trace: str) -> list[int]:
    """Sizes of the parts that a command line sent, from its log."""
    return [int(size) for size in re.findall(r"put_part 'dataset/cats/one/big.bin' (\d+) bytes .* ok", trace)]


@pytest.mark.row("K1", "O7")
@pytest.mark.parametrize("way", ["sync", "again"])
def test_killed_in_the_middle(make_world: MakeWorld, server: Server | None, way: str, seed: int) -> None:
    world = make_world(server)
    tree = with_source(world)
    number = 2 + seed % (PARTS - 2)
    ended = world.run(*UPLOAD, points=f"upload.part=kill@{number}")
    assert ended.code == -9, ended
    assert not invariants.all_or_nothing(world, REF, tree)
    if way == "again":
        figures = world.ok(*UPLOAD)["transfer"]
        assert figures["bytes_sent"] + figures["bytes_reused"] == SIZE + 6
        assert figures["bytes_reused"] >= number * PART, "what is known to be stored is not sent again"
        assert figures["bytes_sent"] <= (PARTS - number) * PART + 6
    synced = world.run("-v", "sync")
    assert synced.code == 0, synced
    if way == "sync":
        assert 1 <= len(sent(synced.err)) <= PARTS - number
    nothing_left(world, server, tree)


@pytest.mark.row("K1")
def test_killed_when_the_files_are_whole(make_world: MakeWorld, server: Server | None) -> None:
    world = make_world(server)
    tree = with_source(world)
    assert world.run(*UPLOAD, points="upload.leftovers_removed=kill").code == -9
    figures = world.ok(*UPLOAD)["transfer"]
    assert (figures["bytes_sent"], figures["bytes_reused"]) == (0, SIZE + 6)
    assert world.run("sync").code == 0
    nothing_left(world, server, tree)
