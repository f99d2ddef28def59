"""The server of these tests, and W&B's SDK in each release that it is tested with."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.server.conftest import server, user
from tests.server.sdk import Sdk
from wabucketref.testing.server import LiveServer

__all__ = ["sdk", "server", "user"]


def pythons() -> Mapping[str, str]:
    """Python by the release that it has, from ``SDK_PYTHONS``: ``RELEASE=PATH …``."""
    given = os.environ.get("SDK_PYTHONS", "").split()
    return dict(one.split("=", 1) for one in given)


@pytest.fixture(params=pythons())
def sdk(request: pytest.FixtureRequest, server: LiveServer, user: str, tmp_path: Path) -> Sdk:
    return Sdk(server, user, tmp_path / "sdk", pythons()[request.param])
