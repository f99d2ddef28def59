"""Worlds to break: a home and a bucket each, on a local disk and on real servers."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.procs import World, Zygote
from tests.servers import Server

MakeWorld = Callable[..., World]


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    made = Zygote(tmp_path_factory.mktemp("zygote"))
    yield made
    made.close()


@pytest.fixture
def make_world(zygote: Zygote, tmp_path: Path) -> MakeWorld:
    """Makes a world on the local disk, or on a server."""

    def make(server: Server | None = None) -> World:
        directory = tmp_path / f"world-{uuid.uuid4().hex[:8]}"
        directory.mkdir()
        if server is None:
            return World(zygote, directory, {}, f"file://{directory}/bucket")
        return World(zygote, directory, dict(server.environ), server.url(server.make_bucket()))

    return make


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world()
