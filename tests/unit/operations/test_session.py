"""An API session that another thread closes between an operation's first look and its begin."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults import trees
from wabucketref import WaBucketRefAPI
from wabucketref.errors import UsageError
from wabucketref.operations.look import list_artifacts, list_runs
from wabucketref.operations.workspace import Workspace

Use = Callable[[WaBucketRefAPI, Path], object]
USES: dict[str, Use] = {
    "upload": lambda api, source: api.upload(source, "cats", "dataset", "late"),
    "upload in the background": lambda api, source: api.upload(source, "cats", "dataset", "late", wait=False),
    "download": lambda api, source: api.download("cats", "dataset", "one", source.parent / "out"),
    "link": lambda api, source: api.link("dataset/cats/one", "cats", "dataset", "late"),
}


@pytest.mark.row("K7")
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_what_is_begun_while_it_is_closed_is_refused(
    ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, use: Use
) -> None:
    """And is no run of its own."""
    source = trees.make(tmp_path / "src", {"a": b"a"})
    api = WaBucketRefAPI(settings=ws.settings)
    api.upload(source, "cats", "dataset", "one")
    begin = api._session

    def closed_meanwhile() -> Workspace:
        found = begin()
        api.close()
        return found

    monkeypatch.setattr(api, "_session", closed_meanwhile)
    with pytest.raises(UsageError, match="finished"):
        use(api, source)
    assert [run.state for run in list_runs(ws)] == ["finished"]
    assert [one.alias for one in list_artifacts(ws)] == ["one"]
    assert not (tmp_path / "out").exists()
