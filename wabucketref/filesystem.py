"""Which file system a path lies on, as far as locks and shared memory are concerned."""

import os
from pathlib import Path

# fmt: off
_NETWORK = frozenset([
    "9p", "acfs", "afs", "beegfs", "ceph", "cifs", "coda", "gfs", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs",
    "nfs", "nfs4", "ocfs2", "orangefs", "panfs", "pvfs2", "smb3", "smbfs", "virtiofs",
])
# fmt: on


def is_network(path: str, mounts: str = "/proc/self/mountinfo") -> bool:
    """Whether `path` (or its nearest existing parent) is on a disk that other machines may share.

    SQLite's write-ahead log needs shared memory between all who open the database, which such disks do not give.
    Where the system has no mount table to read (macOS), the answer is False.
    """
    try:
        table = Path(mounts).read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return False
    kind = _kind_of(os.path.realpath(path), table)
    return kind in _NETWORK or (kind.startswith("fuse.") and kind != "fuse.fuseblk")


def _kind_of(path: str, table: str) -> str:
    best, kind = "", ""
    for line in table.splitlines():
        before, _, after = line.partition(" - ")
        point = before.split(" ")[4].encode("utf-8", "surrogateescape").decode("unicode_escape", "surrogateescape")
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        # A later line with the same point lies over the earlier one.
        if inside and len(point) >= len(best):
            best, kind = point, after.split(" ", 1)[0]
    return kind
