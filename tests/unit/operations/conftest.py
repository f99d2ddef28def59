"""Real floors: homes of one bucket on a local disk."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults import trees
from wabucketref.model.reference import ArtifactRef
from wabucketref.operations.upload import upload
from wabucketref.operations.workspace import Workspace
from wabucketref.settings import load_settings
from wabucketref.wiring import open_workspace

REF = ArtifactRef("dataset", "cats", "one")

Open = Callable[..., Workspace]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Open]:
    """Opens a home of the one bucket."""
    opened: list[Workspace] = []

    def open_home(name: str = "home", **settings: Any) -> Workspace:
        given = {
            "project_name": "demo",
            "entity": "ada",
            "bucket": f"file://{tmp_path}/bucket",
            "home": str(tmp_path / name),
            "tracker": "embedded",
        }
        opened.append(open_workspace(load_settings({**given, **settings})))
        return opened[-1]

    yield open_home
    for ws in opened:
        ws.close()


@pytest.fixture
def ws(home: Open) -> Workspace:
    return home()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return trees.make(tmp_path / "src", trees.TWO_FILES)


@pytest.fixture
def uploaded(ws: Workspace, source: Path, tmp_path: Path) -> Path:
    """The artifact's directory in the bucket."""
    upload(ws, source, "cats", "dataset", "one")
    return tmp_path / "bucket/dataset/cats/one"
