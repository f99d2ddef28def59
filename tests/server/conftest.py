"""One server a worker, and users of their own for each test."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.live import LiveServer, live_server
from tests.server.sdk import Sdk


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with ``--dev-users`` that all tests of a worker share."""
    with live_server(tmp_path_factory.mktemp("live")) as running:
        yield running


@pytest.fixture
def user() -> str:
    """A user that no other test has; also the API key and the entity. The SDK takes keys from 40 characters on."""
    return f"user-{uuid.uuid4().hex}-{uuid.uuid4().hex[:4]}xxxx"


@pytest.fixture
def sdk(server: LiveServer, user: str, tmp_path: Path) -> Sdk:
    """W&B's own SDK in processes of its own, as `user`."""
    return Sdk(server, user, tmp_path / "sdk")
