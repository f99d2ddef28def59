"""Disks that are too small, turn read-only or fail: mounted where a test wants them, gone with the process.

The process takes a mount namespace of its own first (:func:`own_mounts`), so that a killed test leaves no mount on the
machine; command lines that are started afterwards see the same mounts.
"""

import contextlib
import ctypes
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_NEW_MOUNTS = 0x00020000
_READ_ONLY, _REMOUNT, _RECURSIVE, _PRIVATE, _DETACH = 1, 32, 16384, 1 << 18, 2
_ADMIN = 1 << 21
_FILLER = "filler"
_STEPS = (1 << 16, 1 << 12, 1)


def may_mount() -> bool:
    """Whether this process may mount: as root with that right, or inside ``unshare -Urm``."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) & _ADMIN)
    return False


def own_mounts() -> None:
    """What this thread, and whatever it starts from now on, mounts is seen by nobody else and ends with them."""
    _checked(_libc().unshare(_NEW_MOUNTS))
    _mount("none", "/", None, _RECURSIVE | _PRIVATE)


@dataclass(frozen=True)
class Disk:
    """A file system in memory at `path`."""

    path: Path

    def fill(self) -> None:
        fill(self.path)

    @property
    def filled(self) -> bool:
        return (self.path / _FILLER).exists()

    def free(self) -> None:
        (self.path / _FILLER).unlink()

    def resize(self, **limits: int) -> None:
        """To `size` bytes or `inodes` files."""
        _mount("tmpfs", self.path, "tmpfs", _REMOUNT, _options(**limits))

    def read_only(self) -> None:
        _mount("tmpfs", self.path, "tmpfs", _REMOUNT | _READ_ONLY)

    def writable(self) -> None:
        _mount("tmpfs", self.path, "tmpfs", _REMOUNT)


@contextlib.contextmanager
def disk(path: Path, *, size: int = 4 << 20, inodes: int = 0) -> Iterator[Disk]:
    """A disk of `size` bytes and `inodes` files (0: as many as fit), mounted at `path`, which is made if absent."""
    path.mkdir(parents=True, exist_ok=True)
    _mount("tmpfs", path, "tmpfs", 0, f"mode=0700,{_options(size, inodes)}")
    try:
        yield Disk(path)
    finally:
        _checked(_libc().umount2(os.fsencode(path), _DETACH))


def fill(path: Path) -> None:
    """Take all space that is free on the disk at `path`, to the last byte."""
    with contextlib.suppress(OSError), open(path / _FILLER, "ab", buffering=0) as file:
        for step in _STEPS:
            with contextlib.suppress(OSError):
                while file.write(bytes(step)):
                    pass


def read_only_if_idle(path: Path) -> None:
    """Make the disk read-only unless a file on it is open for writing: then the kernel refuses."""
    with contextlib.suppress(OSError):
        Disk(path).read_only()


def _options(size: int = 0, inodes: int = 0) -> str:
    return ",".join([f"size={size}"] * bool(size) + [f"nr_inodes={inodes}"] * bool(inodes))


def _mount(source: str, target: str | Path, kind: str | None, flags: int, options: str = "") -> None:
    encoded = None if kind is None else kind.encode()
    _checked(_libc().mount(source.encode(), os.fsencode(target), encoded, ctypes.c_ulong(flags), options.encode()))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(returned: int) -> None:
    if returned != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
