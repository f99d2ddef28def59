"""Where a download goes, through the command line."""

import json

import pytest

from tests.e2e.bad_input.bench import Bench
from tests.faults import trees


@pytest.mark.row("D1")
def test_D1_a_file(uploaded: Bench) -> None:
    (uploaded.here / "out").write_text("mine")
    uploaded.refused(2, "download", "dataset/cats:one", "-d", "out", says="not a directory")
    assert (uploaded.here / "out").read_text() == "mine"


@pytest.mark.row("D1")
def test_D1_a_missing_parent_is_made(uploaded: Bench) -> None:
    uploaded.ok("download", "dataset/cats:one", "-d", "a/b/c")
    assert trees.read(uploaded.here / "a/b/c") == trees.TWO_FILES


@pytest.mark.row("D1")
@pytest.mark.parametrize("there", [False, True], ids=["its parent", "itself"])
def test_D1_not_writable(uploaded: Bench, there: bool) -> None:
    uploaded.privileged = False
    closed = trees.make(uploaded.here / ("out" if there else "closed"), {"foreign": b"mine"})
    closed.chmod(0o500)
    target = "out" if there else "closed/out"
    uploaded.refused(4, "download", "dataset/cats:one", "-d", target, says=closed.name)
    closed.chmod(0o700)
    assert trees.read(closed, without="") == {"foreign": b"mine"}
    uploaded.ok("download", "dataset/cats:one", "-d", target)
    assert [path.name for path in uploaded.here.iterdir() if "wabucket" in path.name] == []


@pytest.mark.row("D2")
def test_D2_foreign_files_stay_and_ours_are_made_right(uploaded: Bench) -> None:
    trees.make(uploaded.here / "out", {"foreign": b"mine", "a.txt": b"wrong"})
    uploaded.ok("download", "dataset/cats:one", "-d", "out")
    assert trees.read(uploaded.here / "out") == {**trees.TWO_FILES, "foreign": b"mine"}


@pytest.mark.row("D2")
def test_D2_what_is_equal_is_not_fetched_again(uploaded: Bench) -> None:
    trees.make(uploaded.here / "out", {"a.txt": trees.TWO_FILES["a.txt"]})
    before = (uploaded.here / "out/a.txt").stat()
    code, out, _ = uploaded.run("--json", "download", "dataset/cats:one", "-d", "out")
    transfer = json.loads(out)["transfer"]
    assert (code, transfer["files_received"], transfer["files_reused"]) == (0, 1, 1)
    after = (uploaded.here / "out/a.txt").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.row("D2")
def test_D2_a_file_where_a_directory_must_be(uploaded: Bench) -> None:
    trees.make(uploaded.here / "out", {"deep": b"mine"})
    uploaded.refused(6, "download", "dataset/cats:one", "-d", "out", says="deep")
    assert trees.read(uploaded.here / "out") == {"deep": b"mine"}


@pytest.mark.row("D3")
@pytest.mark.parametrize("where", ["a.txt", "deep"])
def test_D3_a_link_inside(uploaded: Bench, where: str) -> None:
    outside = trees.make(uploaded.here / "outside", {"canary": b"c"})
    (uploaded.here / "out").mkdir()
    (uploaded.here / "out" / where).symlink_to(outside if where == "deep" else outside / "canary")
    uploaded.refused(7, "download", "dataset/cats:one", "-d", "out", says=where)
    assert trees.read(outside) == {"canary": b"c"}


@pytest.mark.row("D3")
def test_D3_the_destination_may_be_one(uploaded: Bench) -> None:
    (uploaded.here / "real").mkdir()
    (uploaded.here / "out").symlink_to("real")
    uploaded.ok("download", "dataset/cats:one", "-d", "out")
    assert trees.read(uploaded.here / "real") == trees.TWO_FILES
