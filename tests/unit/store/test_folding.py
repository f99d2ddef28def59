"""Row N5: names that differ only in case. No disk here folds case, but a link from one name to the other acts alike:
both lead to one directory."""

from pathlib import Path

import pytest

from tests.unit.store.support import download_plan, fetch, make_tree, send, upload_plan
from wabucketref.errors import Conflict, NotFound
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.drivers.local import LocalStorage

FILES: dict[str, bytes | None] = {"a.txt": b"1"}


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    storage = LocalStorage(tmp_path / "bucket")
    send(storage, upload_plan(make_tree(tmp_path / "src", FILES), ref=ArtifactRef("model", "Net", "one")))
    return storage


@pytest.mark.row("N5")
def test_a_disk_that_tells_case_apart_holds_both(storage: LocalStorage, tmp_path: Path) -> None:
    make_tree(tmp_path / "src", {"a.txt": b"2"})
    send(storage, upload_plan(tmp_path / "src", "x2", ArtifactRef("model", "net", "one")))
    for name, content in (("Net", b"1"), ("net", b"2")):
        fetch(storage, download_plan(tmp_path / name, ArtifactRef("model", name, "one")))
        assert (tmp_path / name / "a.txt").read_bytes() == content


@pytest.mark.row("N5")
@pytest.mark.parametrize(
    ("ref", "place", "other"),
    [
        (ArtifactRef("model", "net", "one"), "model/net", "Net"),
        (ArtifactRef("model", "net", "two"), "model/net", "Net"),
        (ArtifactRef("Model", "Net", "one"), "Model", "model"),
        (ArtifactRef("model", "Net", "ONE"), "model/Net/ONE", "one"),
    ],
    ids=str,
)
def test_a_disk_that_does_not_refuses_the_second_and_names_the_first(
    storage: LocalStorage, tmp_path: Path, ref: ArtifactRef, place: str, other: str
) -> None:
    (tmp_path / "bucket" / place).symlink_to(other)
    before = sorted((tmp_path / "bucket").rglob("*"))
    with pytest.raises(Conflict, match=f"differs only in case from '{other}'"):
        send(storage, upload_plan(tmp_path / "src", "x2", ref))
    assert sorted((tmp_path / "bucket").rglob("*")) == before


@pytest.mark.row("N5")
def test_what_is_there_in_other_letters_is_not_there(storage: LocalStorage, tmp_path: Path) -> None:
    (tmp_path / "bucket/model/net").symlink_to("Net")
    with pytest.raises(NotFound, match="model/Net/one"):
        fetch(storage, download_plan(tmp_path / "out", ArtifactRef("model", "net", "one")))
    assert not (tmp_path / "out").exists()
