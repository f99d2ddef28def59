"""The benchmarks run, at a thousandth of their size; their figures are not judged here."""

import os
import shutil
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.benchmarks import __main__ as bench
from tests.benchmarks.contenders import environment
from tests.benchmarks.measure import CommandFailed, measure
from tests.benchmarks.plot import bars
from tests.benchmarks.server import build, start_raw
from tests.benchmarks.transfers import first_difference
from tests.benchmarks.workloads import Workload, workloads
from wabucketref.conformance.storage import StorageChecks
from wabucketref.conformance.storage_conditions import CHECKS as CONDITIONS
from wabucketref.conformance.storage_uploads import CHECKS as UPLOADS
from wabucketref.contracts.storage import Storage
from wabucketref.errors import Conflict
from wabucketref.store.drivers.s3_copy import Copies
from wabucketref.store.native.factory import S3
from wabucketref.store.native.s3_storage import NativeS3Storage


@pytest.mark.slow
@pytest.mark.needs("rclone", "cc")
def test_a_tiny_run(capsys: pytest.CaptureFixture[str]) -> None:
    few = ["--workload", "16 KiB", "--scheme", "TLS", "--only", "wabucket", "--only", "rclone"]
    assert bench.main(["--scale", "0.001", "--rounds", "1", *few]) == 0
    shown = capsys.readouterr().out
    words = ("### 10 × 16 KiB, TLS", "| up | wabucket |", "| down, unchanged | rclone |")
    for word in (*words, "rows/s", "## Records", "≤ 0.45 s", "to the best of the others", "Not measured: DVC"):
        assert word in shown


def test_the_full_workloads() -> None:
    assert [load.name for load in workloads(1)] == [
        "1 × 2 GiB",
        "200 × 4 MiB",
        "10,000 × 16 KiB",
        "mixed tree of 2,000 files",
        "1,000 × 4 KiB, 20 ms a request",
    ]


def test_a_mixed_tree_is_the_same_each_time_and_one_file_of_it_changes(tmp_path: Path) -> None:
    load = Workload(6, 0)
    for name in ("a", "b"):
        load.make(tmp_path / name)
    sizes = [[path.stat().st_size for path in sorted((tmp_path / name).rglob("*.bin"))] for name in ("a", "b")]
    assert sizes[0] == sizes[1]
    assert len(set(sizes[0])) > 3
    shutil.copytree(tmp_path / "a", tmp_path / "c")
    load.change_one(tmp_path / "c")
    assert first_difference(tmp_path / "a", tmp_path / "c") == "000/000003.bin"


def test_the_plot_is_a_picture() -> None:
    root = ElementTree.fromstring(bars({"up & down": {"wabucket": 1.0, "other": 2.0}}))
    widths = [float(bar.attrib["width"]) for bar in root.iter("{http://www.w3.org/2000/svg}rect")][1:]
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.01)


def test_measures_the_whole_tree(tmp_path: Path) -> None:
    child = "x = bytearray(60_000_000)\nimport time\ntime.sleep(0.3)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    found = measure([sys.executable, "-c", parent], {}, tmp_path)
    assert found.wall >= 0.3
    assert 60_000_000 <= found.peak < 400_000_000
    assert 0 < found.cpu < found.wall + 1


def test_failures_are_failures(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="exit 3"):
        measure([sys.executable, "-c", "raise SystemExit(3)"], {}, tmp_path)
    with pytest.raises(CommandFailed, match="exit -9"):
        measure([sys.executable, "-c", "import time; time.sleep(60)"], {}, tmp_path, timeout=0.2)


def test_differences_are_found(tmp_path: Path) -> None:
    Workload(2, 10).make(tmp_path / "a")
    Workload(2, 10).make(tmp_path / "b")
    assert first_difference(tmp_path / "a", tmp_path / "a") is None
    assert first_difference(tmp_path / "a", tmp_path / "b") == "000/000000.bin"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("raw"))


@pytest.mark.needs("cc")
def test_the_raw_server_is_a_store(program: Path, tmp_path: Path) -> None:
    """What the product and its floor ask of it, over plain HTTP."""
    source, target = tmp_path / "source", tmp_path / "target"
    Workload(3, 20 << 20).make(source)
    (source / "a b+c&ä").write_bytes(b"x" * 100)
    server = start_raw(program, tmp_path)
    try:
        there = f"{server.new_bucket()}/data"
        environ = environment(server, os.environ, tmp_path / "home")
        for verb, directory in (("put", source), ("get", target)):
            measure([sys.executable, "-m", "tests.benchmarks.floor", verb, directory, there], environ, tmp_path)
        assert first_difference(source, target) is None
        assert server.cpu() >= 0
    finally:
        server.stop()
    assert server.directory is not None
    assert not server.directory.exists()


@pytest.mark.needs("cc")
def test_the_raw_server_heeds_conditions_and_copies_as_aws_does(program: Path, tmp_path: Path) -> None:
    """So that the benchmark measures the requests that users of AWS pay for."""
    server = start_raw(program, tmp_path)
    url = f"s3://{server.new_bucket()}"

    def open_store() -> Storage:
        return S3.open(url, server.environ)

    try:
        checks = StorageChecks(open_store)
        assert [done for done in map(checks.run, (*CONDITIONS, *UPLOADS)) if done.state == "broken"] == []
        store = open_store()
        assert isinstance(store, NativeS3Storage)
        whole = store.put("whole", b"whole")
        assert store.copy_whole("whole", "copy", 5, if_absent=True, etag=whole.etag).etag == whole.etag
        with pytest.raises(Conflict):
            store.copy_whole("whole", "copy", 5, if_absent=True, etag=whole.etag)
        with pytest.raises(Conflict):
            store.copy_whole("whole", "other", 5, etag="another")
        parts = Copies(store, part_bytes=2)
        pieces = parts.copy("whole", "pieces", if_absent=True, seen=whole)
        again = parts.copy("pieces", "again", if_absent=True, seen=pieces)
        store.put("whole", b"other")
        store.delete("pieces")
        assert store.read("again", limit=9)[0] == store.read("copy", limit=9)[0] == b"whole"
        assert store.read_range("again", 1, 3) == b"hol"
        assert again.etag != pieces.etag != whole.etag
        store.close()
    finally:
        server.stop()


@pytest.mark.needs("cc")
def test_the_raw_server_lists_in_order_page_by_page(program: Path, tmp_path: Path) -> None:
    """A million objects in pages of a thousand: each page reads what it needs."""
    server = start_raw(program, tmp_path)
    try:
        store = S3.open(f"s3://{server.new_bucket()}", server.environ)
        assert isinstance(store, NativeS3Storage)
        keys = [
            f"d{a}{between}f{b:03}" for a in range(3) for between in ("/", "-", "0", "/e/", "/e.") for b in range(90)
        ]
        for key in keys:
            store.put(key, b"")
        for prefix in ("", "d1/", "d1/e/", "d3/"):
            wanted = sorted(key for key in keys if key.startswith(prefix))
            assert [info.key for info in store.list(prefix)] == wanted
        store.close()
    finally:
        server.stop()
