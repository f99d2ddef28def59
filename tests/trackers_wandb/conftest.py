"""A server that all tests of one worker share; each test is a user of its own there."""

import json
import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.faults.procs import COMMAND_LINE, Zygote
from tests.faults.zygote import SCRIPT
from wabucketref.testing.server import LiveServer, serving, user_name

EACH = """
import sys
from wabucketref.cli.main import main
for words in {words!r}:
    sys.argv[1:] = words
    code = main() or 0
    assert code == 0, (words, code)
"""
SDK = (
    "wandb.apis.public",
    "wandb.sdk.wandb_run",
    "wabucketref.trackers.wandb.factory",
    "wabucketref.trackers.wandb.tracker",
)
"""What processes here need that have to do with W&B: half of what a small one costs."""


@dataclass
class Desk:
    """A user with a home and files, and our command line."""

    server: LiveServer
    zygote: Zygote
    directory: Path
    user: str = field(default_factory=lambda: user_name("alice"))
    url: str | None = None
    """Another way to the server."""

    @property
    def environ(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
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
        return self._run(arguments, COMMAND_LINE, code, more)

    def each(self, *commands: str, more: Mapping[str, str] | None = None) -> list[Any]:
        """Command lines one after the other in one process, which spares the start of the SDK; what each printed with
        ``--json``. Each must succeed."""
        words = [[*shlex.split(command), "--json"] for command in commands]
        said = self.python(EACH.format(words=words), more=more)
        return list(documents(said))

    def python(self, script: str, *, code: int = 0, more: Mapping[str, str] | None = None) -> str:
        """A plain script; what it printed."""
        return self._run((script,), SCRIPT, code, more).stdout

    def _run(
        self, argv: tuple[str, ...], call: str, code: int, more: Mapping[str, str] | None
    ) -> "subprocess.CompletedProcess[str]":
        environ = self.environ | dict(more or {})
        ended = self.zygote.start(*argv, cwd=self.directory, env=environ, call=call).wait(100)
        assert ended.code == code, ended
        return subprocess.CompletedProcess(argv, ended.code, ended.out, ended.err)


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


@pytest.fixture(scope="session")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    made = Zygote(tmp_path_factory.mktemp("zygote"), *SDK)
    yield made
    made.close()


@pytest.fixture
def desk(shared_server: LiveServer, zygote: Zygote, tmp_path: Path) -> Desk:
    return Desk(shared_server, zygote, tmp_path)
