"""The background service killed at every point of an upload, on a local disk and on S3."""

from collections.abc import Callable

import pytest

from tests.faults.background import Service
from tests.faults.conftest import MakeWorld
from tests.faults.procs import World
from tests.faults.test_service import MOST_POINTS, kill_at_points
from tests.servers import Server

STORES = [
    "file",
    pytest.param("moto_s3", marks=pytest.mark.needs("moto")),
    pytest.param("rclone_s3", marks=pytest.mark.needs("rclone")),
]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("store", STORES)
def test_every_point(
    make_world: MakeWorld,
    serve: Callable[[World], Service],
    store: str,
    request: pytest.FixtureRequest,
) -> None:
    server: Server | None = None if store == "file" else request.getfixturevalue(store)
    killed = kill_at_points(lambda: make_world(server), serve, range(1, MOST_POINTS))
    print(f"K={killed} lost=0 doubled=0 half-visible=0")
    assert killed > 20
