"""L6: one file of 10,000 parts, killed at part 5,000. Run by ``make soak``."""

import tempfile
from pathlib import Path

import pytest

from tests.faults.many_parts import kill_and_go_on
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
