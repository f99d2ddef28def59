"""Removing beside others who upload: what the tracker has afterwards is what is in the bucket."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import trees
from tests.unit.operations.conftest import REF, Open
from wabucketref import failpoints
from wabucketref.errors import NotFound, UploadInProgress
from wabucketref.operations.remove import remove
from wabucketref.operations.resolve import resolve
from wabucketref.operations.upload import upload
from wabucketref.operations.verify_all import verify_all
from wabucketref.operations.workspace import Workspace


@pytest.fixture(params=["other", "equal"])
def again(request: pytest.FixtureRequest, home: Open, source: Path, tmp_path: Path) -> Callable[[], None]:
    """Somebody else of the same catalog uploads to the alias."""
    theirs, what = home(), source
    if request.param == "other":
        what = trees.make(tmp_path / "other", {"a.txt": b"other"})
    return lambda: upload(theirs, what, "cats", "dataset", "one") and None


def at(point: str, act: Callable[[], None]) -> Callable[[str], None]:
    """Does it once, at the first hit of a failpoint that is not the act's own."""
    done: list[str] = []

    def hit(name: str) -> None:
        if name == point and not done:
            done.append(name)
            act()

    return hit


def run(ws: Workspace, hit: Callable[[str], None]) -> None:
    failpoints.install(hit)
    try:
        remove(ws, REF)
    finally:
        failpoints.install(None)


def agree(ws: Workspace) -> None:
    found = verify_all(ws)
    assert [(one.state, one.recorded) for one in found.items] in ([], [("ok", True)])
    assert found.findings == []


@pytest.mark.row("A3")
def test_an_upload_right_after_the_removal_stays_recorded(
    ws: Workspace, uploaded: Path, again: Callable[[], None]
) -> None:
    run(ws, at("remove.done", again))
    assert resolve(ws, REF, strict=True).version is not None
    agree(ws)


@pytest.mark.row("A3")
def test_while_it_is_removed_nobody_uploads(ws: Workspace, uploaded: Path, again: Callable[[], None]) -> None:
    def refused() -> None:
        with pytest.raises(UploadInProgress):
            again()

    run(ws, at("remove.file_gone", refused))
    with pytest.raises(NotFound):
        resolve(ws, REF)
    again()
    agree(ws)


@pytest.mark.row("A2", "A3")
def test_an_overwrite_between_the_look_and_the_removal(
    home: Open, ws: Workspace, uploaded: Path, tmp_path: Path
) -> None:
    theirs, other = home(), trees.make(tmp_path / "other", {"a.txt": b"other"})
    overwrite = at(
        "artifact.resolved", lambda: upload(theirs, other, "cats", "dataset", "one", overwrite=True) and None
    )
    run(ws, overwrite)
    with pytest.raises(NotFound):
        resolve(ws, REF)
    agree(ws)


@pytest.mark.row("A3")
def test_again_after_a_kill_before_the_tracker_was_told(
    ws: Workspace, uploaded: Path, again: Callable[[], None]
) -> None:
    def killed() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(ws, at("remove.files_gone", killed))
    assert resolve(ws, REF).version == "v0"
    remove(ws, REF)
    with pytest.raises(NotFound):
        resolve(ws, REF)
    again()
    agree(ws)
