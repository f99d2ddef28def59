"""``kill -9`` at the points of every operation, on a local disk: uploads at each, the others at every third, where the
seed says which, so that all come by in time."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults import invariants, trees
from tests.faults.conftest import MakeWorld
from tests.faults.procs import World

REF = "dataset/cats:one"
UPLOAD = ("upload", "src", "-n", "cats", "-t", "dataset", "-a", "one")
OLD = {"a.txt": b"old\n", "gone.txt": b"gone\n"}
MOST_POINTS = 200


EachKill = Callable[..., Iterator[tuple[int, World]]]


@pytest.fixture
def each_kill(seed: int) -> EachKill:
    """Worlds in which a command was killed; see :func:`kills`. With a stride, the seed says where it starts."""

    def run(prepare: Callable[[], World], *argv: str, least: int, stride: int = 1) -> Iterator[tuple[int, World]]:
        return kills(prepare, argv, least, range(1 + seed % stride, MOST_POINTS, stride))

    return run


def kills(
    prepare: Callable[[], World], argv: tuple[str, ...], least: int, numbers: range
) -> Iterator[tuple[int, World]]:
    """A world each in which the command was killed at its first, second, … point, until it ends by itself."""
    for number in numbers:
        world = prepare()
        ended = world.run(*argv, points=f"*=kill@{number}", may_miss=True)
        if ended.code == 0:
            assert number > least, "the points are gone"
            return
        assert ended.code == -9, ended
        print(f"killed at point {number}")
        yield number, world
    pytest.fail("it is killed for ever")


@pytest.fixture
def with_source(make_world: MakeWorld) -> Callable[[], World]:
    def make() -> World:
        world = make_world()
        trees.make(world.directory / "src", trees.TWO_FILES)
        return world

    return make


@pytest.fixture
def with_upload(with_source: Callable[[], World]) -> Callable[[], World]:
    """A world in which the upload is done."""
    world = with_source()
    world.ok(*UPLOAD)
    return world.kept()


def sync(world: World) -> None:
    synced = world.run("sync")
    assert synced.code == 0, synced
    invariants.settled(world)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("way", ["sync", "again"])
def test_upload(with_source: Callable[[], World], each_kill: EachKill, way: str) -> None:
    for _, world in each_kill(with_source, *UPLOAD, least=20, stride=1 if way == "sync" else 3):
        visible = invariants.all_or_nothing(world, REF, trees.TWO_FILES)
        if way == "again":
            assert world.run(*UPLOAD).code == 0
        sync(world)
        found = invariants.ended_runs(world)
        if way == "sync":
            assert len(found) <= 1
            invariants.all_or_nothing(world, REF, trees.TWO_FILES)
        if way == "again" or visible or (found and found[-1]["outputs"]):
            invariants.one_version(world, REF, trees.TWO_FILES)
            assert any(run["state"] == "finished" and run["outputs"] == [REF] for run in found), found


def test_a_second_sync_changes_nothing(with_source: Callable[[], World]) -> None:
    world = with_source()
    assert world.run(*UPLOAD, points="upload.entries_put=kill").code == -9
    sync(world)
    before = invariants.runs(world)
    sync(world)
    assert invariants.runs(world) == before
    invariants.one_version(world, REF, trees.TWO_FILES)


def test_sync_itself(with_source: Callable[[], World], each_kill: EachKill) -> None:
    model = with_source()
    assert model.run(*UPLOAD, points="upload.file_stored=kill").code == -9
    for _, world in each_kill(model.kept(), "sync", least=10, stride=3):
        invariants.all_or_nothing(world, REF, trees.TWO_FILES)
        sync(world)
        (run,) = invariants.ended_runs(world)
        assert (run["state"], run["outputs"]) == ("finished", [REF])
        invariants.one_version(world, REF, trees.TWO_FILES)


def test_overwrite(make_world: MakeWorld, each_kill: EachKill) -> None:
    model = make_world()
    trees.make(model.directory / "old", OLD)
    trees.make(model.directory / "src", trees.TWO_FILES)
    model.ok("upload", "old", "-n", "cats", "-t", "dataset", "-a", "one")
    command = (*UPLOAD, "--overwrite")
    for number, world in each_kill(model.kept(), *command, least=20, stride=3):
        invariants.all_or_nothing(world, REF, OLD, trees.TWO_FILES)
        if number % 2:
            assert world.run(*command).code == 0
        sync(world)
        done = number % 2 or sum(run["outputs"] == [REF] for run in invariants.ended_runs(world)) == 2
        if done:
            assert invariants.all_or_nothing(world, REF, trees.TWO_FILES)
            directory = Path(world.bucket.removeprefix("file://")) / "dataset/cats/one"
            assert trees.read(directory) == trees.TWO_FILES, "files of the old one are left"
        else:
            assert invariants.all_or_nothing(world, REF, OLD)


def test_download(with_upload: Callable[[], World], each_kill: EachKill) -> None:
    command = ("download", REF, "-d", "out")
    for number, world in each_kill(with_upload, *command, least=15, stride=3):
        out = world.directory / "out"
        for name, content in trees.read(out).items() if out.exists() else ():
            if content is not None:
                assert trees.TWO_FILES[name] == content, "unverified bytes bear the final name"
        if number % 2:
            sync(world)
        assert world.run(*command).code == 0
        assert trees.read(out, without="") == trees.TWO_FILES
        assert sorted(path.name for path in world.directory.iterdir() if "out" in path.name) == ["out"]
        sync(world)
        assert any(run["state"] == "finished" and run["inputs"] == [REF] for run in invariants.ended_runs(world))


def test_link(with_source: Callable[[], World], each_kill: EachKill) -> None:
    def prepare() -> World:
        world = with_source()
        trees.make(Path(world.bucket.removeprefix("file://")) / "raw/cats", trees.TWO_FILES)
        return world

    command = ("link", "raw/cats", "-n", "cats", "-t", "dataset", "-a", "one")
    for number, world in each_kill(prepare, *command, least=15, stride=3):
        visible = invariants.all_or_nothing(world, REF, trees.TWO_FILES)
        if number % 2:
            assert world.run(*command).code == 0
        sync(world)
        found = invariants.ended_runs(world)
        if number % 2 or visible or (found and found[-1]["outputs"]):
            invariants.one_version(world, REF, trees.TWO_FILES)


def test_remove(with_upload: Callable[[], World], each_kill: EachKill) -> None:
    for _, world in each_kill(with_upload, "rm", REF, least=3):
        invariants.all_or_nothing(world, REF, trees.TWO_FILES)
        assert world.run("rm", REF).code in (0, 3)
        assert not invariants.all_or_nothing(world, REF)
        assert world.ok("ls")["items"] == []
        directory = Path(world.bucket.removeprefix("file://")) / "dataset/cats/one"
        assert not [path for path in directory.rglob("*") if path.is_file()]
        assert world.run(*UPLOAD).code == 0, "the alias can be used again"
        assert invariants.all_or_nothing(world, REF, trees.TWO_FILES)
        sync(world)
