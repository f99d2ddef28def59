"""A training that stores its newest checkpoint under one alias again and again, in the background, and is killed."""

import shutil

import pytest

from tests.faults import invariants, trees
from tests.faults.procs import World

REF = "model/ckpt:last"
SCRIPT = """
import os
from wabucketref import WaBucketRefAPI
api = WaBucketRefAPI()
api.wandb_start_run("training")
tickets = []
for number in range(3):
    tickets.append(api.upload(f"src{number}", "ckpt", "model", "last", overwrite=True, wait=False))
    os.write(1, b"accepted ")
for ticket in tickets: ticket.wait(30)
api.close()
"""


def checkpoint(number: int) -> dict[str, bytes | None]:
    return {"weights": b"%d" % number, "step": b"%d" % (number * 100)}


@pytest.fixture
def training(world: World) -> World:
    for number in range(3):
        trees.make(world.directory / f"src{number}", checkpoint(number))
    return world


def newest_is_there(world: World, accepted: int) -> None:
    """The last one that was accepted, or the next one, of which that could not be said any more."""
    out = world.directory / "out"
    world.ok("download", REF, "-d", str(out))
    found = {path.name: path.read_bytes() for path in out.iterdir()}
    assert found in [checkpoint(number) for number in range(max(0, accepted - 1), 3)][:2]
    shutil.rmtree(out)
    assert world.run("verify", "--all").code == 0
    assert invariants.no_claims(world) == []


@pytest.mark.row("A1")
def test_queued_overwrites_of_one_alias_all_succeed(training: World) -> None:
    ended = training.script(SCRIPT).wait(30)
    assert ended.code == 0, ended
    newest_is_there(training, 3)


@pytest.mark.row("K1")
@pytest.mark.parametrize(
    ("points", "before"),
    [
        ("upload.claimed=kill@1", False),
        ("upload.withdrawn=kill@1", False),
        ("upload.header_answered=kill@2", True),
        ("upload.withdrawn=kill@1", True),
        ("upload.files_stored=kill@2", True),
        ("upload.withdrawn=kill@3", True),
    ],
)
def test_killed_with_overwrites_queued(training: World, points: str, before: bool) -> None:
    """`sync` carries all out that were accepted, in order: the newest checkpoint stays."""
    if before:
        trees.make(training.directory / "earlier", {"weights": b"earlier"})
        training.ok("upload", "earlier", "-n", "ckpt", "-t", "model", "-a", "last")
    ended = training.script(SCRIPT, points=points).wait(30)
    assert ended.code != 0, ended
    synced = training.run("sync")
    assert synced.code == 0, synced
    invariants.settled(training)
    newest_is_there(training, ended.out.count("accepted"))
