"""Ctrl-C and SIGTERM in the middle of operations."""

import signal

import pytest

from tests.faults import invariants, trees
from tests.faults.procs import World, reached

REF = "dataset/cats:one"
UPLOAD = ("upload", "src", "-n", "cats", "-t", "dataset", "-a", "one")


@pytest.fixture
def with_source(world: World) -> World:
    trees.make(world.directory / "src", trees.TWO_FILES)
    return world


@pytest.mark.parametrize("point", ["upload.claimed", "upload.file_stored", "upload.entries_put"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"])
def test_an_upload_is_stopped(with_source: World, number: signal.Signals, code: int, point: str) -> None:
    world = with_source
    door = world.directory / "door"
    child = world.start(*UPLOAD, points=f"{point}=pause:{door}")
    reached(door)
    child.signal(number)
    door.touch()
    ended = child.wait(30)
    assert ended.code == code, ended
    invariants.honest(ended)
    (run,) = invariants.ended_runs(world)
    assert run["state"] == "killed"
    assert run["exit_code"] == code
    if not run["outputs"]:
        assert not invariants.all_or_nothing(world, REF)
    assert world.journals == []
    other = trees.make(world.directory / "other", {"x": b"other"})
    if not run["outputs"]:  # its claim, if it left one beside files, is given back: another writer need not wait
        taken = world.run("upload", str(other), "-n", "cats", "-t", "dataset", "-a", "one", "--overwrite")
        assert taken.code == 0, taken
    assert world.run(*UPLOAD, "--overwrite").code == 0
    assert invariants.all_or_nothing(world, REF, trees.TWO_FILES)
    assert invariants.no_claims(world) == []


def test_a_second_ctrl_c_leaves_at_once_and_the_journal_has_everything(with_source: World) -> None:
    world = with_source
    door = world.directory / "door"
    child = world.start(*UPLOAD, points=f"upload.file_stored=pause:{door}")
    reached(door)
    child.signal(signal.SIGINT)
    ended = None
    for _ in range(100):
        if child.ended.wait(0.1):
            ended = child.wait(1)
            break
        child.signal(signal.SIGINT)
    assert ended is not None, "it does not leave"
    assert ended.code == 130
    synced = world.run("sync")
    assert synced.code == 0, synced
    invariants.settled(world)
    (run,) = invariants.ended_runs(world)
    if run["outputs"]:
        invariants.one_version(world, REF, trees.TWO_FILES)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"])
def test_a_download_is_stopped_and_goes_on(with_source: World, number: signal.Signals, code: int) -> None:
    world = with_source
    assert world.run(*UPLOAD).code == 0
    door = world.directory / "door"
    child = world.start("download", REF, "-d", "out", points=f"download.file_verified=pause:{door}")
    reached(door)
    child.signal(number)
    door.touch()
    ended = child.wait(30)
    assert ended.code == code, ended
    invariants.honest(ended)
    assert world.run("download", REF, "-d", "out").code == 0
    assert trees.read(world.directory / "out", without="") == trees.TWO_FILES
    assert [path.name for path in world.directory.iterdir() if "out" in path.name] == ["out"]


def test_sync_can_be_interrupted(with_source: World) -> None:
    world = with_source
    assert world.run(*UPLOAD, points="upload.claimed=kill").code == -9
    door = world.directory / "door"
    child = world.start("sync", points=f"upload.file_stored=pause:{door}")
    reached(door)
    child.signal(signal.SIGINT)
    door.touch()
    ended = child.wait(30)
    assert ended.code == 130, ended
    synced = world.run("sync")
    assert synced.code == 0, synced
    (run,) = invariants.ended_runs(world)
    assert (run["state"], run["outputs"]) == ("finished", [REF])
    invariants.one_version(world, REF, trees.TWO_FILES)
