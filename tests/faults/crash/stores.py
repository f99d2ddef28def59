"""The kinds of store on which operations are killed."""

import random
import uuid
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.faults.crash.commands import (
    Adopt,
    Alias,
    Command,
    Download,
    Link,
    Overwrite,
    Remove,
    Sync,
    Upload,
    UploadAgain,
)
from tests.faults.crash.enumeration import Enumeration
from tests.faults.crash.sessions import Session
from tests.faults.crash.upkeep import Collect, Rebuild, Relocate
from tests.faults.procs import World, Zygote

STORES = ("local", "moto", "rclone")
OPERATIONS = (Upload, UploadAgain, Overwrite, Download, Link, Adopt, Remove, Sync, Alias, Session)
"""Those that a bucket takes part in."""
UPKEEP = (Collect, Rebuild, Relocate)
"""Those that nobody waits for."""

Enumerate = Callable[[type[Command], str], Enumeration]


def on_stores(
    operations: Sequence[type[Command]],
    without: Collection[tuple[type[Command], str]] = (),
    among: Sequence[str] = STORES,
) -> list[Any]:
    """Parameters: each operation on each store `among` these, but for the pair `without`."""
    return [
        pytest.param(operation, store, id=f"{operation.name}-{store}", marks=_needs(store))
        for operation in operations
        for store in among
        if (operation, store) not in without
    ]


def _needs(store: str) -> list[pytest.MarkDecorator]:
    return [] if store == "local" else [pytest.mark.needs(store)]


def _plane(request: pytest.FixtureRequest) -> str:
    """The seed draws the slower plane now and then."""
    drawn = random.Random(f"{request.config.option.seed} {request.node.nodeid}").random()
    return "fsspec" if drawn < 0.15 else "native"


def worlds(request: pytest.FixtureRequest, zygote: Zygote, place: Path, store: str) -> Callable[[], World]:
    """Makes worlds with buckets on `store`: on a server they are prefixes of one bucket."""
    server = None if store == "local" else request.getfixturevalue(f"{store}_s3")
    bucket = "" if server is None else server.url(server.make_bucket())
    environ = {} if server is None else {**server.environ, "WABUCKET_DATA_PLANE": _plane(request)}

    def make() -> World:
        name = f"world-{uuid.uuid4().hex[:8]}"
        directory = place / name
        directory.mkdir()
        return World(zygote, directory, environ, f"{bucket}/{name}" if bucket else f"file://{directory}/bucket")

    return make


@pytest.fixture
def enumerate_points(
    request: pytest.FixtureRequest, zygote: Zygote, place: Path, tally_of: Callable[[object], None]
) -> Enumerate:
    """Begins the enumeration of an operation on a store; its figures are shown when all tests have run."""

    def begin(operation: type[Command], store: str) -> Enumeration:
        keep = World.kept if store == "local" else None
        found = Enumeration(operation(), store, worlds(request, zygote, place, store), keep)
        tally_of(found.tally)
        return found

    return begin
