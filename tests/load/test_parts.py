"""Large files under load: many parts, and a kill at each point. Run by ``make soak``."""

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.faults import invariants
from tests.faults.conftest import MakeWorld
from tests.faults.many_parts import kill_and_go_on
from tests.faults.test_resume import REF, UPLOAD, nothing_left, nothing_open, with_source
from tests.servers import Server

PARTS, PART = 10_000, 64 << 10


@pytest.mark.row("L6")
@pytest.mark.needs("rclone")
@pytest.mark.timeout(1800)
def test_ten_thousand_parts(rclone_s3: Server, capsys: pytest.CaptureFixture[str]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        done = kill_and_go_on(rclone_s3, Path(directory), parts=PARTS, part_bytes=PART, kill_at=PARTS // 2)
    with capsys.disabled():
        print(f"\nL6: {done.resent} parts resent, {done.bytes_reused / PART:.0f} reused, {done.rss >> 20} MiB")
    assert 0 <= done.resent <= 16
    assert done.bytes_reused >= PARTS // 2 * PART
    assert done.bytes_moved + done.bytes_reused == PARTS * PART
    assert done.rss <= 400 << 20


@pytest.mark.row("K1")
@pytest.mark.timeout(1800)
def test_killed_at_each_point_of_a_large_upload(make_world: MakeWorld) -> None:
    """The crash points of two small files are enumerated in CI; those of parts here."""
    for number in range(1, 200):
        world = make_world()
        tree = with_source(world)
        ended = world.run(*UPLOAD, points=f"*=kill@{number}", may_miss=True)
        if ended.code == 0:
            assert number > 25, "the points are gone"
            return
        assert ended.code == -9, ended
        print(f"killed at point {number}")
        visible = invariants.all_or_nothing(world, REF, tree)
        if number % 2:
            assert world.run(*UPLOAD).code == 0
        synced = world.run("sync")
        assert synced.code == 0, synced
        if number % 2 or visible or any(run["outputs"] for run in invariants.ended_runs(world)):
            nothing_left(world, None, tree)
        else:
            nothing_open(world, None)
        shutil.rmtree(world.directory)
    pytest.fail("it is killed for ever")
