"""A server that all tests of one worker share; each test is a user of its own there."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from wabucketref.testing.server import LiveServer, serving, user_name

EACH = """
import sys
from wabucketref.cli.main import main
for words in {words!r}:
    sys.argv[1:] = words
    code = main() or 0
    assert code == 0, (words, code)
"""
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Desk:
    """A user with a home and files, and our command line."""

    server: LiveServer
    directory: Path
    user: str = field(default_factory=lambda: user_name("alice"))
    url: str | None = None
    """Another way to the server."""

    @property
    def environ(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "WABUCKET_HOME": str(self.directory / "home"),
            "WANDB_PROJECT": "demo",
            **self.server.sdk_environ(self.user, self.directory / "sdk", url=self.url),
        }

    def tree(self, name: str = "src", **files: str) -> Path:
        """A directory with some files; a new file for each of `files`."""
        source = self.directory / name
        (source / "sub").mkdir(parents=True, exist_ok=True)
        (source / "a.txt").write_text("alpha")
        (source / "sub" / "b c.txt").write_text("beta")
        for file, text in files.items():
            (source / file).write_text(text)
        return source

    def wabucket(
        self, *arguments: str, code: int = 0, more: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Our command line; it must end with `code`."""
        return self._run([sys.executable, "-m", "wabucketref", *arguments], code, more)

    def each(self, *commands: str, more: Mapping[str, str] | None = None) -> list[Any]:
        """Command lines one after the other in one process, which spares the start of the SDK; what each printed with
        ``--json``. Each must succeed."""
        words = [[*shlex.split(command), "--json"] for command in commands]
        said = self.python(EACH.format(words=words), more=more)
        return list(documents(said))

    def python(self, script: str, *, code: int = 0, more: Mapping[str, str] | None = None) -> str:
        """A plain script; what it printed."""
        return self._run([sys.executable, "-c", script], code, more).stdout

    def _run(self, command: list[str], code: int, more: Mapping[str, str] | None) -> "subprocess.CompletedProcess[str]":
        ran = subprocess.run(
            command,
            env=self.environ | dict(more or {}),
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert ran.returncode == code, f"{ran.returncode}: {ran.stdout}{ran.stderr}"
        return ran


def documents(text: str) -> Iterator[Any]:
    """The JSON documents in `text`, one after the other."""
    while text := text.strip():
        found, end = json.JSONDecoder().raw_decode(text)
        yield found
        text = text[end:]


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with serving(tmp_path_factory.mktemp("shared")) as server:
        yield server


@pytest.fixture
def desk(shared_server: LiveServer, tmp_path: Path) -> Desk:
    return Desk(shared_server, tmp_path)
