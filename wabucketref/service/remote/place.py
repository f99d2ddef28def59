"""Where the background service of a home is found: its socket, lock, log and name plate."""

import hashlib
import json
import os
import socket
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from wabucketref.errors import NotAuthorised

LONGEST: Final = 90
"""Bytes of a socket's path: the system allows about 100, and leaves room for none."""
PROTOCOL: Final = 2
"""Version of the messages. A client and a service of different ones do not talk."""


@dataclass(frozen=True, slots=True)
class NamePlate:
    """What a running service says of itself in a file, for when it does not answer."""

    pid: int
    version: str
    instance: str
    started: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Place:
    """Paths of one home's service."""

    directory: Path
    socket: Path

    @classmethod
    def of(cls, home: Path) -> "Place":
        """Below the home; the socket elsewhere when its path would be too long for the system. Creates nothing."""
        directory = home / "service"
        beside = directory / "socket"
        if len(os.fsencode(beside)) <= LONGEST:
            return cls(directory, beside)
        name = hashlib.sha256(os.fsencode(os.path.realpath(home))).hexdigest()[:24]
        return cls(directory, _run_time_directory() / f"{name}.socket")

    @property
    def records(self) -> Path:
        """The socket of the lines of records, beside the other one."""
        return self.socket.with_name(f"{self.socket.name}.records")

    @property
    def lock(self) -> Path:
        """Held (``flock``) by the service as long as it lives."""
        return self.directory / "lock"

    @property
    def log(self) -> Path:
        return self.directory / "service.log"

    @property
    def last_words(self) -> Path:
        """What the service's process printed: nothing, unless the interpreter itself failed."""
        return self.directory / "service.stderr"

    @property
    def plate(self) -> Path:
        return self.directory / "service.json"

    def make(self) -> None:
        """Create the directories, for this user alone.

        Raises:
            NotAuthorised: a directory belongs to somebody else, or others may enter it.
        """
        for directory in {self.directory, self.socket.parent}:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.socket.parent != self.directory:
            self._check_private(self.socket.parent)

    def write_plate(self, plate: NamePlate) -> None:
        part = self.plate.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(json.dumps(asdict(plate)))
        part.replace(self.plate)

    def read_plate(self) -> NamePlate | None:
        """None when there is none that can be read."""
        try:
            found: dict[str, Any] = json.loads(self.plate.read_text())
            return NamePlate(int(found["pid"]), str(found["version"]), str(found["instance"]), float(found["started"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def has_socket(self) -> bool:
        """Whether there is a socket of this user's; a stale one too.

        Raises:
            NotAuthorised: it is somebody else's.
        """
        try:
            found = os.lstat(self.socket)
        except OSError:
            return False
        if found.st_uid != os.geteuid():
            raise NotAuthorised(
                f"the service's socket {self.socket} belongs to another user", hint="set WABUCKET_HOME to your own"
            )
        return stat.S_ISSOCK(found.st_mode)

    def is_listening(self) -> bool:
        """Whether somebody accepts on the socket: a stale one is left by a service that was killed."""
        if not self.has_socket():
            return False
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(2.0)
            try:
                probe.connect(str(self.socket))
            except TimeoutError:
                return True  # its queue is full: it lives, if slowly
            except OSError:
                return False
        return True

    @staticmethod
    def _check_private(directory: Path) -> None:
        found = os.lstat(directory)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise NotAuthorised(
                f"{directory} is not a directory of this user alone", hint=f"remove it, or chmod 700 {directory}"
            )


def _run_time_directory() -> Path:
    """The same for every process of this user, whatever its environment says."""
    uid = os.geteuid()
    usual = Path(f"/run/user/{uid}")
    return usual / "wabucket" if usual.is_dir() else Path(f"/tmp/wabucket-{uid}")  # noqa: S108  # checked by `make`
