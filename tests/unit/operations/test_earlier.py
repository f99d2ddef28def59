"""Which earlier uploads are looked at, and what comes of it: over the whole way from the operation to the bucket."""

from pathlib import Path

import pytest

from tests.unit.operations.conftest import Open
from wabucketref.errors import TransientError
from wabucketref.model.reference import ArtifactRef
from wabucketref.operations.earlier import earlier_uploads
from wabucketref.operations.remove import remove
from wabucketref.operations.upload import upload
from wabucketref.operations.workspace import Workspace


@pytest.fixture
def five(ws: Workspace, source: Path) -> Workspace:
    for number in range(5):
        (source / "n").write_bytes(b"%d" % number)
        upload(ws, source, "cats", "dataset", f"a{number}")
    return ws


def test_the_newest_three_of_this_bucket(five: Workspace, home: Open, tmp_path: Path) -> None:
    assert earlier_uploads(five, "dataset", "cats") == ("a4", "a3", "a2")
    assert earlier_uploads(five, "dataset", "dogs") == ()
    assert earlier_uploads(home(bucket=f"file://{tmp_path}/other"), "dataset", "cats") == ()


def test_what_was_removed_is_left_out(five: Workspace) -> None:
    for alias in ("a4", "a2"):
        remove(five, ArtifactRef("dataset", "cats", alias))
    assert earlier_uploads(five, "dataset", "cats") == ("a3", "a1")


def test_the_bucket_is_asked_where_no_catalog_of_ours_answers(five: Workspace, home: Open) -> None:
    assert earlier_uploads(home(tracker="disabled"), "dataset", "cats") is None

    def away(*_: object) -> None:
        raise TransientError("away")

    five.tracker.resolve = away  # type: ignore[method-assign, assignment]
    assert earlier_uploads(five, "dataset", "cats") is None


@pytest.mark.parametrize("tracker", ["embedded", "disabled"])
def test_a_new_alias_sends_what_changed(five: Workspace, home: Open, source: Path, tracker: str) -> None:
    (source / "n").write_bytes(b"new")
    with home(tracker=tracker) as ws:
        result = upload(ws, source, "cats", "dataset", "later")
    assert (result.transfer.bytes_moved, result.transfer.files_moved) == (3, 1)
    assert result.transfer.bytes_reused == result.artifact.bytes - 3


def test_another_home_reuses_through_the_bucket_alone(five: Workspace, home: Open, source: Path) -> None:
    with home("elsewhere", tracker="disabled") as ws:
        assert upload(ws, source, "cats", "dataset", "later").transfer.bytes_moved == 0
