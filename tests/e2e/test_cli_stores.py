"""The main path as a user types it, on a disk, and on real servers in forked children, which start without imports."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults import trees
from tests.faults.procs import Ended, Zygote
from tests.servers import Server

ROOT = Path(__file__).parents[2]
STORES = [
    "file",
    pytest.param("moto_s3", marks=pytest.mark.needs("moto")),
    pytest.param("rclone_s3", marks=pytest.mark.needs("rclone")),
    pytest.param("gcs_emulator", marks=pytest.mark.needs("gcs")),
]


class Shell:
    """A directory, a home and a bucket."""

    def __init__(self, directory: Path, server: Server | None, zygote: Zygote | None) -> None:
        self.directory = directory
        self._zygote = zygote
        self.bucket = server.url(server.make_bucket()) if server else f"file://{directory}/bucket"
        self.environ = {
            **{name: os.environ[name] for name in ("PATH", "NO_PROXY", "AWS_EC2_METADATA_DISABLED")},
            **(server.environ if server else {}),
            "PYTHONPATH": str(ROOT),
            "HOME": str(directory),
            "WABUCKET_HOME": str(directory / "home"),
            "WANDB_PROJECT": "demo",
        }

    def __call__(self, *argv: str, code: int = 0) -> Ended:
        words = ["--bucket", self.bucket, *argv]
        ended = self._alone(words) if self._zygote is None else self._forked(self._zygote, words)
        assert ended.code == code, (argv, ended)
        assert "Traceback" not in ended.err
        return ended

    def _forked(self, zygote: Zygote, words: list[str]) -> Ended:
        return zygote.start(*words, cwd=self.directory, env=self.environ).wait(100)

    def _alone(self, words: list[str]) -> Ended:
        command = [sys.executable, "-m", "wabucketref", *words]
        done = subprocess.run(
            command, cwd=self.directory, env=self.environ, capture_output=True, text=True, timeout=100, check=False
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def json(self, *argv: str, code: int = 0) -> Any:
        return json.loads(self("--json", *argv, code=code).out)


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    made = Zygote(tmp_path_factory.mktemp("zygote"))
    yield made
    made.close()


@pytest.fixture(params=STORES)
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Shell:
    if request.param == "file":
        return Shell(tmp_path, None, None)
    return Shell(tmp_path, request.getfixturevalue(request.param), request.getfixturevalue("zygote"))


@pytest.mark.slow
def test_the_main_path(shell: Shell) -> None:
    trees.make(shell.directory / "data", trees.VARIED)
    ended = shell("upload", "data", "-n", "cats", "-t", "dataset", "-a", "one", "-m", "split=train")
    assert ended.out == "dataset/cats:one\n"

    assert shell("download", "dataset", "cats", "one").out.strip().endswith("dataset/cats/one")
    assert trees.read(shell.directory / "dataset/cats/one", without="") == trees.VARIED
    document = shell.json("download", "dataset/cats:latest", "-d", "out")
    assert (document["path"], document["verified"]) == (str(shell.directory / "out"), True)
    assert trees.read(shell.directory / "out", without="") == trees.VARIED

    (shell.directory / "model.bin").write_bytes(b"weights")
    made = shell.json("--run-name", "train", "upload", "model.bin", "-n", "m", "-t", "model")
    assert made["artifact"]["uri"] == f"{shell.bucket}/model/m/{made['artifact']['alias']}"
    linked = shell.json("link", f"model/m/{made['artifact']['alias']}", "-n", "m", "-t", "linked", "-a", "one")
    assert linked["transfer"]["bytes_sent"] == 0

    assert {item["type"] for item in shell.json("ls")["items"]} == {"dataset", "model", "linked"}
    files = shell.json("show", "dataset/cats:v0", "--files")["files"]
    assert {entry["path"] for entry in files} >= {name for name, data in trees.VARIED.items() if data is not None}
    lineage = shell.json("lineage", "dataset/cats:one", "--format", "json")
    assert len(lineage["used_by"]) == 2
    assert "train" in shell("runs").out
    shell("verify", "dataset/cats:one", "--deep")
    shell("rm", "dataset/cats:one")
    shell("download", "dataset/cats:one", "-d", "again", code=3)
    shell("sync")


@pytest.mark.slow
def test_overwrite_and_conflict(shell: Shell) -> None:
    trees.make(shell.directory / "data", trees.TWO_FILES)
    shell("upload", "data", "-n", "cats", "-t", "dataset", "-a", "one")
    (shell.directory / "data/a.txt").write_bytes(b"other")
    error = shell.json("upload", "data", "-n", "cats", "-t", "dataset", "-a", "one", code=6)["error"]
    assert (error["code"], error["kind"]) == (6, "alias_taken")
    shell("upload", "data", "-n", "cats", "-t", "dataset", "-a", "one", "--overwrite")
    shell("download", "dataset/cats:one", "-d", "out")
    assert (shell.directory / "out/a.txt").read_bytes() == b"other"
