"""Services that are closed at the end of each test, so that no thread outlives it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.service.fakes import Floor, MemoryPlane, MemoryTracker

MakeFloor = Callable[..., Floor]


@pytest.fixture
def make_floor(tmp_path: Path) -> Iterator[MakeFloor]:
    """Makes services over `tracker` and `plane`; all share one home."""
    made: list[Floor] = []

    def make(tracker: MemoryTracker | None, plane: MemoryPlane | None = None, **options: Any) -> Floor:
        made.append(Floor(tmp_path, tracker, plane, **options))
        return made[-1]

    yield make
    for floor in made:
        floor.service.close()


@pytest.fixture
def tracker() -> MemoryTracker:
    return MemoryTracker()


@pytest.fixture
def floor(make_floor: MakeFloor, tracker: MemoryTracker) -> Floor:
    return make_floor(tracker)
