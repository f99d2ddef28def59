"""A fresh catalog for each test."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from wabucketref.trackers.embedded.tracker import EmbeddedTracker


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/home/catalog.sqlite"


@pytest.fixture
def tracker(url: str) -> Iterator[EmbeddedTracker]:
    with closing(EmbeddedTracker(url)) as found:
        yield found
