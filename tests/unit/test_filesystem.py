"""Recognising network disks from a mount table."""

from pathlib import Path

import pytest

from wabucketref.filesystem import is_network

MOUNTS = r"""
22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw
30 22 0:40 / /home rw - nfs4 server:/home rw,vers=4.2
31 30 259:2 / /home/local rw - xfs /dev/sdb1 rw
32 22 0:41 / /mnt/my\040share rw - cifs //server/share rw
33 22 0:42 / /mnt/s rw - fuse.sshfs host: rw
34 22 0:43 / /mnt/ntfs rw - fuseblk /dev/sdc1 rw
35 22 0:44 / /mnt/over rw - nfs server:/over rw
36 35 0:45 / /mnt/over rw - tmpfs none rw
"""


@pytest.mark.row("F4")
@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/var/catalog.sqlite", False),
        ("/home/me/catalog.sqlite", True),
        ("/home/local/catalog.sqlite", False),
        ("/homework/catalog.sqlite", False),
        ("/mnt/my share/c", True),
        ("/mnt/s/c", True),
        ("/mnt/ntfs/c", False),
        ("/mnt/over/c", False),
    ],
)
def test_network(path: str, wanted: bool, tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(MOUNTS.lstrip())
    assert is_network(path, str(table)) is wanted


def test_no_mount_table(tmp_path: Path) -> None:
    assert is_network("/home/me/c", str(tmp_path / "none")) is False
