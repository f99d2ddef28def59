"""Overwriting and removing under running downloads: a reader gets one upload whole, or is told; no mix, never 7."""

import shutil
import threading
from collections import Counter

import pytest

from tests.faults import trees
from tests.faults.conftest import MakeWorld
from tests.faults.procs import World, reached
from tests.servers import Server
from wabucketref.errors import NotFound, ReplacedWhileReading, WaBucketError
from wabucketref.model.reference import ArtifactRef
from wabucketref.operations.download import download
from wabucketref.operations.remove import remove
from wabucketref.operations.upload import upload

REF = ArtifactRef.parse("dataset/cats:one")
TREES = (
    {"a": b"0" * 1000, "b/c": b"0" * 70_000, "only-0": b"0"},
    {"a": b"1" * 1000, "b/c": b"1" * 50_000, "only-1": b"1"},
)
STORES = [
    ("file", 30),
    pytest.param(("moto_s3", 4), marks=pytest.mark.needs("moto")),
    pytest.param(("rclone_s3", 4), marks=pytest.mark.needs("rclone")),
]


class Reader(threading.Thread):
    """Downloads again and again until it is told to stop."""

    def __init__(self, world: World, number: int, tracker: str) -> None:
        super().__init__()
        self.met: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.stop = threading.Event()
        self._world, self._tracker = world, tracker
        self._out = world.directory / f"out-{number}"

    def run(self) -> None:
        with self._world.open(tracker=self._tracker) as workspace:
            while not self.stop.is_set():
                try:
                    download(workspace, REF, self._out)
                except (NotFound, ReplacedWhileReading) as error:
                    self.met[type(error).__name__] += 1
                except WaBucketError as error:
                    self.wrong.append(f"{type(error).__name__} {error.exit_code}: {error}")
                else:
                    self._look()
                shutil.rmtree(self._out, ignore_errors=True)

    def _look(self) -> None:
        found = trees.read(self._out)
        if found in TREES:
            self.met[str(TREES.index(found))] += 1  # type: ignore[arg-type]
        else:
            self.wrong.append(f"a mix: { {name: (content or b'')[:1] for name, content in found.items()} }")


@pytest.mark.row("A2")
@pytest.mark.parametrize("store", STORES, ids=["file", "moto", "rclone"])
@pytest.mark.parametrize("how", ["overwrite", "rm"])
def test_readers_beside(
    make_world: MakeWorld, request: pytest.FixtureRequest, store: tuple[str, int], how: str
) -> None:
    server: Server | None = None if store[0] == "file" else request.getfixturevalue(store[0])
    readers_beside(make_world(server), how, store[1])


def readers_beside(world: World, how: str, turns: int) -> None:
    """Replace an upload so many times while two others download it."""
    sources = [trees.make(world.directory / f"src-{number}", tree) for number, tree in enumerate(TREES)]
    readers = [Reader(world, number, tracker) for number, tracker in enumerate(("disabled", "embedded"))]
    with world.open() as workspace:
        upload(workspace, sources[0], "cats", "dataset", "one")
        for reader in readers:
            reader.start()
        try:
            for turn in range(1, turns):
                if how == "rm":
                    remove(workspace, REF)
                upload(workspace, sources[turn % 2], "cats", "dataset", "one", overwrite=how == "overwrite")
        finally:
            for reader in readers:
                reader.stop.set()
            for reader in readers:
                reader.join(30)
    met = sum((reader.met for reader in readers), Counter())
    print(dict(met))
    assert [wrong for reader in readers for wrong in reader.wrong] == []
    assert sum(met.values()) > turns / 2, "they hardly read"


@pytest.mark.row("A2")
def test_what_was_not_read_to_its_end_leaves_nothing(world: World) -> None:
    """Each pair of a reader's point and an overwrite: the old one before, the new one or 5 after."""
    for number, tree in enumerate(TREES):
        trees.make(world.directory / f"src-{number}", tree)
    command = ("upload", "src-0", "-n", "cats", "-t", "dataset", "-a", "one")
    for point in ("download.header_read", "download.entries_read", "download.file_verified", "download.synced"):
        world.ok(*command, "--overwrite")
        door = world.directory / f"door-{point}"
        child = world.start("download", str(REF), "-d", f"out-{point}", points=f"{point}=pause:{door}")
        reached(door)
        world.ok("upload", "src-1", *command[2:], "--overwrite")
        door.touch()
        ended = child.wait(30)
        out = world.directory / f"out-{point}"
        if ended.code == 0:
            assert trees.read(out) in TREES
        else:
            assert ended.code == 5, ended
            assert "try again" in ended.err
            assert not out.exists()
        assert [path.name for path in world.directory.glob(".out*")] == []
