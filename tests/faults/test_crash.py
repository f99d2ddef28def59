"""``kill -9`` at the points of every operation, on a local disk and on S3, with conditional put (moto) and without
(rclone). Uploads to a local disk are killed at every point; otherwise the seed draws points. ``make soak`` draws none:
there every point has its turn, and points of the recovery as well."""

import random
import shutil
from collections.abc import Mapping

import pytest

from tests.faults import invariants, trees
from tests.faults.conftest import MakeWorld
from tests.faults.crash.commands import NEW, REF, UPLOAD, Adopt, Command, Upload
from tests.faults.crash.sessions import Migration
from tests.faults.crash.stores import OPERATIONS, UPKEEP, Enumerate, on_stores
from tests.faults.crash.upkeep import Relocate
from tests.faults.procs import World
from tests.faults.steps import DOWNLOAD_STEPS, UPLOAD_STEPS
from tests.servers import Server

DRAWN = {"local": 7, "moto": 3, "rclone": 3}
"""How many points on which store."""
ELSEWHERE = ((Upload, "local"), (Adopt, "rclone"))
"""Killed at every point by a test of its own; adopted without conditional writes in the tests of the store."""


@pytest.mark.row("K1")
@pytest.mark.timeout(600)
def test_upload_at_every_point(enumerate_points: Enumerate) -> None:
    tally = enumerate_points(Upload, "local").kill_at(range(1, 1000))
    assert not tally.troubles
    assert tally.killed >= 40


@pytest.mark.row("K1")
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("operation", "store"), on_stores(OPERATIONS, without=ELSEWHERE))
def test_points(enumerate_points: Enumerate, operation: type[Command], store: str, seed: int) -> None:
    found = enumerate_points(operation, store)
    rng = random.Random(f"{seed} {operation.name} {store}")
    points = rng.sample(range(1, found.tally.points + 1), min(DRAWN[store], found.tally.points))
    assert not found.kill_at(sorted(points)).troubles


@pytest.mark.row("K1", "O7", "R2")
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("operation", "store"), on_stores(UPKEEP, among=("local", "moto"), without=(Relocate, "moto")))
def test_points_of_the_upkeep(enumerate_points: Enumerate, operation: type[Command], store: str, seed: int) -> None:
    found = enumerate_points(operation, store)
    rng = random.Random(f"{seed} {operation.name} {store}")
    points = rng.sample(range(1, found.tally.points + 1), {"local": 3, "moto": 1}[store])
    assert not found.kill_at(sorted(points)).troubles


@pytest.mark.row("K1", "R2")
def test_migration(enumerate_points: Enumerate) -> None:
    tally = enumerate_points(Migration, "local").kill_at(range(1, 100))
    assert not tally.troubles
    assert tally.killed >= 2


@pytest.fixture(
    params=[
        pytest.param("moto_s3", marks=pytest.mark.needs("moto")),
        pytest.param("rclone_s3", marks=pytest.mark.needs("rclone")),
    ]
)
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.mark.row("K1")
@pytest.mark.parametrize(("point", "visible"), [("upload.header_sent", False), ("upload.header_answered", True)])
def test_the_header_is_what_makes_an_upload_exist(
    make_world: MakeWorld, server: Server, point: str, visible: bool
) -> None:
    world = make_world(server)
    trees.make(world.directory / "src", NEW)
    assert world.run(*UPLOAD, points=f"{point}=kill").code == -9
    assert invariants.all_or_nothing(world, REF, NEW) == visible
    assert world.run("sync").code == 0
    (run,) = invariants.ended_runs(world)
    assert (run["state"], run["outputs"]) == ("finished", [REF])
    invariants.one_version(world, REF, NEW)


@pytest.mark.row("K1", "T4")
@pytest.mark.parametrize("point", ["copies.taken", "tracker.answered=kill@2", "sender.processed=kill@3"])
def test_what_the_tracker_shall_keep_survives_in_the_home_until_it_has_it(world: World, point: str) -> None:
    trees.make(world.directory / "src", NEW)
    script = point if "=" in point else f"{point}=kill"
    assert world.run(*UPLOAD, "--no-reff", points=script).code == -9
    shutil.rmtree(world.directory / "src")
    assert world.run("sync").code == 0
    (item,) = world.ok("ls")["items"]
    assert (item["version"], item["aliases"]) == ("v0", ["one", "latest"])
    assert world.ok("download", REF, "-d", "out")["verified"] is True
    assert trees.read(world.directory / "out") == NEW
    assert list((world.home / "kept").iterdir()) == []


def test_a_second_sync_changes_nothing(world: World) -> None:
    trees.make(world.directory / "src", NEW)
    assert world.run(*UPLOAD, points="upload.entries_put=kill").code == -9
    assert world.run("sync").code == 0
    before = invariants.runs(world)
    assert world.run("sync").code == 0
    assert invariants.runs(world) == before
    invariants.settled(world)
    invariants.one_version(world, REF, NEW)


@pytest.mark.parametrize("point", ["remove.header_gone", "remove.file_gone", "remove.files_gone", "remove.done"])
def test_after_a_killed_removal_the_alias_can_be_used_again(world: World, point: str) -> None:
    trees.make(world.directory / "src", NEW)
    world.ok(*UPLOAD)
    assert world.run("rm", REF, points=f"{point}=kill").code == -9
    assert not invariants.all_or_nothing(world, REF)
    world.ok(*UPLOAD)
    assert invariants.all_or_nothing(world, REF, NEW)
    assert world.run("verify", "--all", "--deep").code == 0


def test_an_upload_and_a_download_pass_every_step(world: World) -> None:
    """Two tries of a session with rows, lines of a terminal, small files, a large one, and one uploaded before."""
    trees.make(world.directory / "before", {"a.txt": NEW["a.txt"]})
    world.ok("upload", "before", "-n", "cats", "-t", "dataset", "-a", "zero")
    trees.make(world.directory / "src", NEW)
    with open(world.directory / "src/large", "wb") as file:
        file.truncate(17 << 20)
    log = world.directory / "passed"
    assert world.run(*UPLOAD, points=f"*=log:{log},upload.file_stored=kill").code == -9
    ended = world.run(points=f"*=log:{log}", call="tests.faults.sessions:session")
    assert ended.code == 0, ended
    _every_step(UPLOAD_STEPS, log.read_text().split())
    log.unlink()
    world.run("download", REF, "-d", "out", points=f"*=log:{log}")
    _every_step(DOWNLOAD_STEPS, log.read_text().split())


def _every_step(steps: Mapping[str, tuple[str, ...]], passed: list[str]) -> None:
    assert {step: points for step, points in steps.items() if not set(points) & set(passed)} == {}
