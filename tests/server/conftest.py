"""One server a worker, and users of their own for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.live import started
from tests.server.sdk import Sdk
from wabucketref.testing.server import LiveServer, user_name


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with ``--dev-users`` that all tests of a worker share."""
    with started(tmp_path_factory.mktemp("live")) as running:
        yield running


@pytest.fixture
def user() -> str:
    """A user that no other test has; also the API key and the entity. The SDK takes keys from 40 characters on."""
    return user_name()


@pytest.fixture
def sdk(server: LiveServer, user: str, tmp_path: Path) -> Sdk:
    """W&B's own SDK in processes of its own, as `user`."""
    return Sdk(server, user, tmp_path / "sdk")
