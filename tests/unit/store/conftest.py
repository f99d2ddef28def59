"""Failpoints end with the test that installed them; a server for what nothing else here can do."""

from collections.abc import Iterator

import pytest

from tests.benchmarks.server import Target, build, start_raw
from wabucketref import failpoints


@pytest.fixture(autouse=True)
def no_failpoints() -> Iterator[None]:
    yield
    failpoints.install(None)


@pytest.fixture(scope="session")
def raw_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """The raw S3 server of the benchmark, which copies and heeds conditions as AWS does. Needs ``cc``."""
    place = tmp_path_factory.mktemp("raw")
    started = start_raw(build(place), place)
    yield started
    started.stop()
