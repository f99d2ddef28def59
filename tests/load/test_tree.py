"""Very many files, and very large ones: whole processes, whose most memory counts. Run by ``make soak``."""

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.measure import Measured, measure
from tests.servers import Server
from tests.tools.markdown import ROOT

FILES = int(os.environ.get("WABUCKET_LOAD_FILES", "1000000"))
LARGE_BYTES = int(os.environ.get("WABUCKET_LOAD_BYTES", str(20 << 30)))
CEILING = 400 << 20


class Tool:
    """The command line on a home and a bucket of its own."""

    def __init__(self, place: Path, bucket: str, environ: dict[str, str]) -> None:
        self.place = place
        self._bucket = bucket
        foreign = ("WANDB_", "WABUCKET_", "AWS_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        own = {"WABUCKET_HOME": str(place / "home"), "WABUCKET_TRACKER": "embedded", "PYTHONPATH": str(ROOT)}
        self._environ = kept | environ | own
        self.figures: dict[str, Measured] = {}

    def __call__(self, what: str, *arguments: str) -> dict[str, Any]:
        """Run it; the JSON document, unless it is a long one."""
        command = [sys.executable, "-m", "wabucketref", "-q", "-p", "load", "--bucket", self._bucket, *arguments]
        self.figures[what] = measure([*command, "--json"], self._environ, self.place, timeout=7200)
        log = self.place / "bench.log"
        return json.loads(log.read_text()) if log.stat().st_size < 1 << 20 else {}

    def report(self, row: str) -> Sequence[str]:
        return [
            f"{row} {what}: {one.wall:.0f} s, {one.cpu:.0f} s of CPU, {one.peak >> 20} MiB"
            for what, one in self.figures.items()
        ]


@pytest.fixture(params=["local", "rclone"])
def tool(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Iterator[Tool]:
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        if request.param == "local":
            made = Tool(place, (place / "bucket").as_uri(), {})
        else:
            server: Server = request.getfixturevalue("rclone_s3")
            # Before its first answer about an object the server hashes all of it, which takes minutes for a large one.
            patience = {"WABUCKET_STALL_TIMEOUT": "900"}
            made = Tool(place, server.url(server.make_bucket()), dict(server.environ) | patience)
        yield made
        with capsys.disabled():
            print("", *made.report(request.param), sep="\n")


def make_many(root: Path, files: int) -> None:
    for number in range(files):
        directory = root / f"{number // 1000:04}"
        if number % 1000 == 0:
            directory.mkdir(parents=True)
        (directory / f"file-{number:07}.txt").write_bytes(b"%d" % number * (number % 13))


@pytest.mark.row("L4")
@pytest.mark.needs("rclone")
@pytest.mark.timeout(8 * 3600)
def test_a_million_files(tool: Tool) -> None:
    make_many(tool.place / "src", FILES)
    upload = ("upload", str(tool.place / "src"), "-n", "many", "-t", "dataset")
    done = tool("upload", *upload, "-a", "one")
    assert (done["artifact"]["files"], done["transfer"]["files_sent"]) == (FILES, FILES)
    again = tool("upload, unchanged", *upload, "-a", "one")
    assert again["transfer"]["bytes_sent"] == 0
    out = tool.place / "out"
    assert tool("download", "download", "dataset/many:one", "-d", str(out))["transfer"]["files_received"] == FILES
    few = tool(
        "download --include", "download", "dataset/many:one", "-d", str(tool.place / "few"), "--include", "0000/"
    )
    assert few["transfer"]["files_received"] == min(FILES, 1000)
    tool("ls", "ls")
    start = tool.figures["ls"].cpu  # what any command costs
    if FILES >= 100_000:
        assert tool.figures["upload, unchanged"].cpu - start <= 0.15 * (tool.figures["upload"].cpu - start)
    tool("show --files", "show", "dataset/many:one", "--files")
    assert tool("verify", "verify", "dataset/many:one")["damage"] == []
    (tool.place / "src/0000/file-0000001.txt").write_bytes(b"changed")
    tool("upload --overwrite", *upload, "-a", "one", "--overwrite")
    assert (tool.place / "home/catalog.sqlite").stat().st_size < 4 << 20, "untouched by the number of files"
    assert {what: one.peak >> 20 for what, one in tool.figures.items() if one.peak > CEILING} == {}


@pytest.mark.row("L8")
@pytest.mark.needs("rclone")
@pytest.mark.timeout(4 * 3600)
def test_a_large_sparse_file(tool: Tool) -> None:
    source = tool.place / "src/large.bin"
    source.parent.mkdir()
    with source.open("wb") as file:
        file.truncate(LARGE_BYTES)
        file.seek(LARGE_BYTES // 3)
        file.write(b"not a hole")
    done = tool("upload", "upload", str(source.parent), "-n", "large", "-t", "dataset", "-a", "one")
    assert done["transfer"]["bytes_sent"] == LARGE_BYTES
    got = tool("download", "download", "dataset/large:one", "-d", str(tool.place / "out"))
    assert got["transfer"]["bytes_received"] == LARGE_BYTES
    assert {what: one.peak >> 20 for what, one in tool.figures.items() if one.peak > CEILING} == {}
