"""Large files: killed or stopped in the middle, they go on part by part, and nothing is left behind."""

import re
import shutil
import signal
from pathlib import Path

import pytest

from tests.faults import buckets, invariants, trees
from tests.faults.conftest import MakeWorld
from tests.faults.many_parts import kill_and_go_on
from tests.faults.procs import World, reached
from tests.servers import Server

REF = "dataset/cats:one"
UPLOAD = ("upload", "src", "-n", "cats", "-t", "dataset", "-a", "one")
PART = 8 << 20
PARTS = 4
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


@pytest.fixture(params=["local", pytest.param("moto_s3", marks=pytest.mark.needs("moto"))])
def listing(request: pytest.FixtureRequest) -> Server | None:
    """A store that shows what was left there."""
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
    nothing_open(world, server)


def nothing_open(world: World, server: Server | None) -> None:
    """No parts that nobody will put together."""
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
        assert figures["bytes_reused"] >= number * PART - 100, "what is known to be stored is not sent again"
        assert figures["bytes_sent"] <= (PARTS - number) * PART + 6
    synced = world.run("-v", "sync")
    assert synced.code == 0, synced
    if way == "sync":
        assert 1 <= len(sent(synced.err)) <= PARTS - number
    nothing_left(world, server, tree)


@pytest.mark.row("K1")
def test_killed_when_the_file_is_whole(make_world: MakeWorld, server: Server | None, seed: int) -> None:
    """Before this is noted, or after."""
    point = ("upload.completed", "upload.file_stored")[seed % 2]
    world = make_world(server)
    tree = {"big.bin": with_source(world)["big.bin"]}
    (world.directory / "src" / "a.txt").unlink()
    assert world.run(*UPLOAD, points=f"{point}=kill").code == -9
    figures = world.ok(*UPLOAD)["transfer"]
    assert (figures["bytes_sent"], figures["bytes_reused"]) == (0, SIZE)
    assert world.run("sync").code == 0
    nothing_left(world, server, tree)


@pytest.mark.row("L6", "O6")
@pytest.mark.needs("rclone")
def test_few_of_many_parts_are_sent_twice(rclone_s3: Server, tmp_path: Path) -> None:
    """The small sister of ``tests/load/test_parts.py``."""
    parts, part = 300, 64 << 10
    done = kill_and_go_on(rclone_s3, tmp_path, parts=parts, part_bytes=part, kill_at=parts // 2)
    assert 0 <= done.resent <= 16
    assert done.bytes_reused >= parts // 2 * part
    assert done.bytes_moved + done.bytes_reused == parts * part


@pytest.mark.row("O7")
def test_parts_that_nobody_remembers_are_collected(make_world: MakeWorld, listing: Server | None) -> None:
    world = make_world(listing)
    with_source(world)
    assert world.run(*UPLOAD, points="upload.part=kill@2").code == -9
    for memory in ("journal", "cache/uploads"):
        shutil.rmtree(world.home / memory)
    kept = world.ok("gc", "--apply")
    assert [one for one in kept["items"] if one["kind"] in ("parts", "unfinished")] == [], "it is younger than a day"
    ended = world.run("--json", "gc", "--apply", call="tests.faults.sessions:collect")
    assert ended.code == 0, ended
    assert {one["kind"]: one["state"] for one in ended.json()["items"]} == {"unfinished": "removed", "parts": "removed"}
    nothing_open(world, listing)
    assert world.ok("gc")["items"] == []
    with world.open() as workspace:
        assert [info.key for info in workspace.open_storage(workspace.bucket).list("")] == []


@pytest.mark.row("K3", "O7")
def test_a_collection_that_is_interrupted(world: World) -> None:
    """It gives its claim back and says what it did; again it goes on, and what was to be uploaded still can be."""
    tree = trees.TWO_FILES
    trees.make(world.directory / "src", tree)
    assert world.run(*UPLOAD, points="upload.files_stored=kill").code == -9
    gate, aged = world.directory / "gate", "tests.faults.sessions:collect"
    child = world.start("--json", "gc", "--apply", points=f"gc.object_gone=pause:{gate}", call=aged)
    reached(gate)
    child.signal(signal.SIGINT)
    gate.touch()
    ended = child.wait()
    assert ended.code == 130, ended
    assert (ended.json()["applied"], ended.json()["error"]["code"]) == (True, 130)
    assert world.run("gc", "--apply", call=aged).code == 0
    with world.open() as workspace:
        assert [info.key for info in workspace.open_storage(workspace.bucket).list("dataset/")] == []
    assert world.run("sync").code == 0
    invariants.settled(world)
    invariants.one_version(world, REF, tree)


@pytest.mark.row("K1", "O7")
@pytest.mark.parametrize("what", ["changed", "gone", "another file of the source changed"])
def test_killed_and_then_the_source_changed(make_world: MakeWorld, listing: Server | None, what: str) -> None:
    world = make_world(listing)
    tree = with_source(world)
    assert world.run(*UPLOAD, points="upload.part=kill@2").code == -9
    if what == "gone":
        (world.directory / "src").rename(world.directory / "aside")
        assert world.run("sync").code == 0, "the operation is settled: it failed"
        (run,) = invariants.ended_runs(world)
        assert (run["state"], run["outputs"]) == ("failed", [])
        assert world.journals == []
        assert list((world.home / "cache" / "uploads").iterdir()) == []
        nothing_open(world, listing)
        return
    changed: dict[str, bytes | None] = {"big.bin": content(1)} if what == "changed" else {"a.txt": b"other\n"}
    trees.make(world.directory / "src", changed)
    figures = world.ok(*UPLOAD)["transfer"]
    assert (figures["bytes_sent"] >= SIZE) == (what == "changed")
    assert world.run("sync").code in (0, 6), "the first operation finds its alias taken, or its own content"
    nothing_open(world, listing)
    assert invariants.all_or_nothing(world, REF, {**tree, **changed})


@pytest.mark.row("K3", "K4")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"])
def test_stopped_at_a_part_border(world: World, number: signal.Signals, code: int) -> None:
    tree = with_source(world)
    door = world.directory / "door"
    child = world.start(*UPLOAD, points=f"upload.part=pause:{door}@2")
    reached(door)
    child.signal(number)
    door.touch()
    ended = child.wait(30)
    assert ended.code == code, ended
    invariants.honest(ended)
    figures = world.ok(*UPLOAD)["transfer"]
    assert figures["bytes_reused"] >= 2 * PART - 100
    assert figures["bytes_sent"] + figures["bytes_reused"] == SIZE + 6
    assert world.run("sync").code == 0
    nothing_left(world, None, tree)


@pytest.mark.row("K1")
@pytest.mark.needs("gcs")
def test_killed_on_a_store_that_takes_parts_in_order(make_world: MakeWorld, gcs_emulator: Server) -> None:
    world = make_world(gcs_emulator)
    tree = with_source(world)
    assert world.run(*UPLOAD, points="upload.part=kill@2").code == -9
    figures = world.ok(*UPLOAD)["transfer"]
    assert (figures["bytes_sent"], figures["bytes_reused"]) == (SIZE - 2 * PART, 2 * PART + 6)
    assert world.run("sync").code == 0
    nothing_left(world, gcs_emulator, tree)
