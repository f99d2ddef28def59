"""Uploads recorded late, by ``sync``, after others took their place or removed them."""

import os
from itertools import permutations
from pathlib import Path

import pytest

from tests.faults import trees
from tests.unit.operations.conftest import REF, Open
from wabucketref.errors import NotFound
from wabucketref.model.reference import ArtifactRef
from wabucketref.operations import look
from wabucketref.operations.download import download
from wabucketref.operations.remove import remove
from wabucketref.operations.sync import sync
from wabucketref.operations.upload import upload
from wabucketref.operations.verify_all import verify_all
from wabucketref.operations.workspace import Workspace

LATEST = ArtifactRef("dataset", "cats", "latest")


def agree(ws: Workspace) -> None:
    found = verify_all(ws, deep=True)
    assert (found.differing, found.pending, found.findings) == ([], 0, [])


@pytest.mark.row("A2", "A4")
@pytest.mark.parametrize("order", list(permutations("012")), ids="".join)
def test_a_chain_of_overwrites_is_recorded_in_any_order(home: Open, tmp_path: Path, order: tuple[str, ...]) -> None:
    offline, ws = home(mode="offline"), home()
    for number in range(3):
        source = trees.make(tmp_path / f"src-{number}", {"a.txt": str(number).encode()})
        upload(offline, source, "cats", "dataset", "one", overwrite=True)
    journals = sorted((tmp_path / "home/journal").glob("*.journal"), key=lambda path: path.stat().st_mtime_ns)
    assert len(journals) == 3
    for when, number in enumerate(order):
        os.utime(journals[int(number)], (when, when))
    sync(ws)
    agree(ws)
    for ref in (REF, LATEST):
        assert download(ws, ref, tmp_path / str(ref.alias)).artifact.digest == look.show(ws, REF).artifact.digest
        assert trees.read(tmp_path / str(ref.alias)) == {"a.txt": b"2"}
    assert sum(run.outputs == (str(REF),) for run in look.list_runs(ws)) == 3, "lineage names each"


@pytest.mark.row("A2", "A4")
@pytest.mark.parametrize("later", ["overwritten", "removed"])
def test_what_came_later_stays(home: Open, source: Path, tmp_path: Path, later: str) -> None:
    ws = home()
    upload(home(mode="offline"), source, "cats", "dataset", "one")
    if later == "overwritten":
        upload(ws, trees.make(tmp_path / "other", {"a.txt": b"2"}), "cats", "dataset", "one", overwrite=True)
    else:
        remove(ws, REF)
    sync(ws)
    agree(ws)
    if later == "removed":
        with pytest.raises(NotFound, match="removed"):
            look.show(ws, REF)
        return
    download(ws, LATEST, tmp_path / "out")
    assert trees.read(tmp_path / "out") == {"a.txt": b"2"}
    assert len(look.list_artifacts(ws)) == 1
