"""Many processes at once: one winner of an alias, dense versions in one catalog, one owner of a journal."""

import pytest

from tests.faults import invariants, trees
from tests.faults.conftest import MakeWorld
from tests.faults.procs import World, reached
from tests.servers import Server

REF = "dataset/cats:one"
WRITERS = 8
STORES = [
    "file",
    pytest.param("moto_s3", marks=pytest.mark.needs("moto")),
    pytest.param("rclone_s3", marks=pytest.mark.needs("rclone")),
]


@pytest.fixture(params=STORES)
def server(request: pytest.FixtureRequest) -> Server | None:
    found: Server | None = None if request.param == "file" else request.getfixturevalue(request.param)
    return found


def upload(source: str, alias: str = "one") -> tuple[str, ...]:
    return ("upload", source, "-n", "cats", "-t", "dataset", "-a", alias)


def content(number: int) -> dict[str, bytes | None]:
    return {"a.txt": f"writer {number}\n".encode(), f"only-{number}/b": bytes([number]) * 1000}


@pytest.mark.row("A1", "O3")
def test_one_writer_of_an_alias_wins(make_world: MakeWorld, server: Server | None) -> None:
    world = make_world(server)
    for number in range(WRITERS):
        trees.make(world.directory / f"src-{number}", content(number))
    children = [world.start(*upload(f"src-{number}")) for number in range(WRITERS)]
    ended = [child.wait(100) for child in children]
    codes = [one.code for one in ended]
    assert [one for one in ended if one.code not in (0, 6)] == []
    assert sorted(codes) == [0] + [6] * (WRITERS - 1), ended
    winner = codes.index(0)
    invariants.one_version(world, REF, content(winner))
    for one in ended:
        if one.code:
            invariants.honest(one)
    states = sorted(run["state"] for run in invariants.ended_runs(world))
    assert states == ["failed"] * (WRITERS - 1) + ["finished"]
    invariants.settled(world)


@pytest.mark.row("A1")
def test_equal_content_is_success_for_who_comes_later(make_world: MakeWorld, server: Server | None) -> None:
    world = make_world(server)
    trees.make(world.directory / "src", trees.TWO_FILES)
    first = world.run(*upload("src"))
    assert first.code == 0, first
    children = [world.start("--json", *upload("src")) for _ in range(WRITERS)]
    for child in children:
        ended = child.wait(100)
        assert ended.code == 0, ended
        assert ended.json()["transfer"]["bytes_sent"] == 0
    invariants.one_version(world, REF, trees.TWO_FILES)


@pytest.mark.row("A1", "O3")
def test_equal_content_at_once_is_success_or_conflict_and_one_version(
    make_world: MakeWorld, server: Server | None
) -> None:
    world = make_world(server)
    trees.make(world.directory / "src", trees.TWO_FILES)
    ended = [child.wait(100) for child in [world.start(*upload("src")) for _ in range(WRITERS)]]
    assert [one for one in ended if one.code not in (0, 6)] == []
    assert 0 in {one.code for one in ended}
    invariants.one_version(world, REF, trees.TWO_FILES)
    assert world.run(*upload("src")).code == 0


@pytest.mark.row("A5")
def test_sixteen_aliases_share_one_catalog(make_world: MakeWorld) -> None:
    world = make_world()
    for number in range(16):
        trees.make(world.directory / f"src-{number}", content(number))
    children = [world.start("--json", *upload(f"src-{number}", f"a{number}")) for number in range(16)]
    documents = []
    for child in children:
        ended = child.wait(100)
        assert ended.code == 0, ended
        documents.append(ended.json())
    versions = {document["artifact"]["version"] for document in documents}
    assert versions == {f"v{number}" for number in range(16)}
    assert {document["tracking"] for document in documents} == {"recorded"}
    items = world.ok("ls", "dataset/cats")["items"]
    assert [item["version"] for item in items] == [f"v{number}" for number in reversed(range(16))]
    assert [item["version"] for item in items if "latest" in item["aliases"]] == ["v15"]
    assert len({run["id"] for run in invariants.ended_runs(world)}) == 16


@pytest.mark.row("A1")
def test_a_live_writer_is_said_before_a_byte_is_sent(world: World) -> None:
    trees.make(world.directory / "src", trees.TWO_FILES)
    trees.make(world.directory / "other", content(1))
    door = world.directory / "door"
    first = world.start(*upload("src"), points=f"upload.file_stored=pause:{door}")
    reached(door)
    second = world.run(*upload("other"))
    assert second.code == 6, second
    invariants.honest(second)
    assert not invariants.all_or_nothing(world, REF)
    door.touch()
    assert first.wait().code == 0
    invariants.one_version(world, REF, trees.TWO_FILES)


@pytest.mark.row("A4")
def test_sync_leaves_a_living_run_alone(world: World) -> None:
    trees.make(world.directory / "src", trees.TWO_FILES)
    door = world.directory / "door"
    first = world.start(*upload("src"), points=f"upload.file_stored=pause:{door}")
    reached(door)
    (item,) = world.ok("sync")["items"]
    assert item["tracking"] == "running"
    (item,) = world.ok("status")["items"]
    assert item["state"] == "running"
    door.touch()
    assert first.wait().code == 0
    assert [run["state"] for run in invariants.runs(world)] == ["finished"]


@pytest.mark.row("A4")
def test_many_syncs_finish_a_crashed_upload_once(world: World) -> None:
    trees.make(world.directory / "src", trees.TWO_FILES)
    for number in range(3):
        ended = world.run(*upload("src", f"a{number}"), points="upload.entries_put=kill")
        assert ended.code == -9
    for child in [world.start("sync") for _ in range(6)]:
        ended = child.wait()
        assert ended.code == 0, ended
    assert world.run("sync").code == 0
    assert sorted(run["state"] for run in invariants.ended_runs(world)) == ["finished"] * 3
    assert len(world.ok("ls")["items"]) == 3
    invariants.settled(world)


@pytest.mark.row("D5")
def test_downloads_into_one_directory(world: World) -> None:
    trees.make(world.directory / "src", trees.TWO_FILES)
    assert world.run(*upload("src")).code == 0
    for child in [world.start("download", REF, "-d", "out") for _ in range(WRITERS)]:
        ended = child.wait()
        assert ended.code == 0, ended
    assert trees.read(world.directory / "out", without="") == trees.TWO_FILES
    assert len(invariants.ended_runs(world)) == WRITERS + 1
