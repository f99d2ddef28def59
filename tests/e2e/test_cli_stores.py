"""The main path as a user types it: ``python -m wabucketref`` on a disk and on real servers."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults import trees
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

    def __init__(self, directory: Path, server: Server | None) -> None:
        self.directory = directory
        self.bucket = server.url(server.make_bucket()) if server else f"file://{directory}/bucket"
        self.environ = {
            **{name: os.environ[name] for name in ("PATH", "NO_PROXY", "AWS_EC2_METADATA_DISABLED")},
            **(server.environ if server else {}),
            "PYTHONPATH": str(ROOT),
            "HOME": str(directory),
            "WABUCKET_HOME": str(directory / "home"),
            "WANDB_PROJECT": "demo",
        }

    def __call__(self, *argv: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "wabucketref", "--bucket", self.bucket, *argv]
        ended = subprocess.run(
            command, cwd=self.directory, env=self.environ, capture_output=True, text=True, timeout=100, check=False
        )
        assert ended.returncode == code, (argv, ended.stdout, ended.stderr)
        assert "Traceback" not in ended.stderr
        return ended

    def json(self, *argv: str, code: int = 0) -> Any:
        return json.loads(self("--json", *argv, code=code).stdout)


@pytest.fixture(params=STORES)
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Shell:
    server = None if request.param == "file" else request.getfixturevalue(request.param)
    return Shell(tmp_path, server)


@pytest.mark.slow
def test_the_main_path(shell: Shell) -> None:
    trees.make(shell.directory / "data", trees.VARIED)
    ended = shell("upload", "data", "-n", "cats", "-t", "dataset", "-a", "one", "-m", "split=train")
    assert ended.stdout == "dataset/cats:one\n"

    assert shell("download", "dataset", "cats", "one").stdout.strip().endswith("dataset/cats/one")
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
    assert "train" in shell("runs").stdout
    shell("verify", "dataset/cats:one", "--deep")
    shell("rm", "dataset/cats:one")
    shell("download", "dataset/cats:one", "-d", "again", code=3)
    assert shell("sync").returncode == 0


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
