"""Failpoints end with the test that installed them."""

from collections.abc import Iterator

import pytest

from wabucketref import failpoints


@pytest.fixture(autouse=True)
def no_failpoints() -> Iterator[None]:
    yield
    failpoints.install(None)
