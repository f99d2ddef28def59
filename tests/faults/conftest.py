"""Worlds to break: a home and a bucket each, on a local disk and on real servers, with a proxy between."""

import os
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.faults.background import Service
from tests.faults.crash.shown import tally_of  # noqa: F401  # fixture
from tests.faults.crash.stores import enumerate_points  # noqa: F401  # fixture
from tests.faults.disk import may_mount, own_mounts
from tests.faults.network import Clock, Net
from tests.faults.procs import World, Zygote
from tests.faults.proxy import Proxy, Rule
from tests.servers import Server
from wabucketref.contracts.storage import Storage
from wabucketref.retry import RetryPolicy
from wabucketref.settings import load_settings
from wabucketref.wiring import open_workspace

MakeWorld = Callable[..., World]
Flaky = Callable[..., tuple[Proxy, Server]]
MakeNet = Callable[..., Net]
OpenBucket = Callable[..., Storage]


@pytest.fixture(scope="session")
def mounts() -> None:
    """Tests may mount what they like; where they may not, those marked ``needs("mounts")`` are skipped."""
    if may_mount():
        own_mounts()


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory, mounts: None) -> Iterator[Zygote]:
    made = Zygote(tmp_path_factory.mktemp("zygote"))
    yield made
    made.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Where worlds lie: in memory where there is such a disk, since a kill loses nothing that was written."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory, prefix="wabucket-") as directory:
        yield Path(directory)


@pytest.fixture
def make_world(zygote: Zygote, place: Path) -> MakeWorld:
    """Makes a world on the local disk, or on a server."""

    def make(server: Server | None = None) -> World:
        directory = place / f"world-{uuid.uuid4().hex[:8]}"
        directory.mkdir()
        if server is None:
            return World(zygote, directory, {}, f"file://{directory}/bucket")
        plane = {name: os.environ[name] for name in ("WABUCKET_DATA_PLANE",) if name in os.environ}
        return World(zygote, directory, {**server.environ, **plane}, server.url(server.make_bucket()))

    return make


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world()


@pytest.fixture
def serve() -> Iterator[Callable[[World], Service]]:
    """Makes the background service of a world, not started yet; it is gone after the test."""
    made: list[Service] = []

    def make(world: World) -> Service:
        made.append(Service(world))
        return made[-1]

    yield make
    for service in made:
        service.end()


@pytest.fixture
def service(world: World, serve: Callable[[World], Service]) -> Service:
    """That of `world`."""
    return serve(world)


@pytest.fixture
def flaky(seed: int) -> Iterator[Flaky]:
    """Puts a proxy with rules before a server; the server as seen through it. A rule never hit fails the test."""
    made: list[Proxy] = []

    def make(server: Server, *rules: Rule, **more: Any) -> tuple[Proxy, Server]:
        proxy = Proxy(server.endpoint, rules, seed, **more).start()
        made.append(proxy)
        environ = {name: value.replace(server.endpoint, proxy.url) for name, value in server.environ.items()}
        return proxy, replace(server, endpoint=proxy.url, environ=environ)

    yield make
    for proxy in made:
        proxy.stop()
        print(f"requests through the proxy:\n{proxy.text()}")
    for proxy in made:
        proxy.check()


@pytest.fixture
def net(make_world: MakeWorld, flaky: Flaky) -> MakeNet:
    """Makes a world behind a proxy with rules before a server."""

    def make(server: Server, *rules: Rule, **more: Any) -> Net:
        proxy, seen = flaky(server, *rules, **more)
        return Net(make_world(seen), proxy, server)

    return make


@pytest.fixture
def open_bucket(tmp_path: Path) -> Iterator[OpenBucket]:
    """Opens buckets as the product does; retries wait by the clock that is given, if any."""
    with ExitStack() as stack:

        def open_url(url: str, environ: Mapping[str, str], clock: Clock | None = None) -> Storage:
            given = {"bucket": url, "project_name": "p", "home": str(tmp_path / "home"), "tracker": "disabled"}
            policy = RetryPolicy(clock=lambda: clock.now, sleep=clock.sleep) if clock else None
            workspace = open_workspace(load_settings(given), environ=dict(environ), policy=policy)
            return stack.enter_context(workspace).open_storage(url)

        yield open_url
