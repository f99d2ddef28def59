"""``live_server``: a real ``wabucket serve`` for tests of whatever uses W&B's SDK, without an account or a network.

    from wabucketref.testing.server import LiveServer, live_server

    def test_training(live_server: LiveServer, monkeypatch):
        for name, value in live_server.sdk_environ("alice").items():
            monkeypatch.setenv(name, value)
        train()
        assert live_server.wabucket("-p", "demo", "--entity", "alice", "runs")["items"][0]["state"] == "finished"

Each server has a home and a port of its own, so tests may run in parallel. It knows ``--dev-users``: whoever comes with
the name of an entity as API key is that user (the SDK takes keys of 40 characters and more: see :func:`user_name`).
Switches for faults: :meth:`LiveServer.down`, ``up``, ``freeze``, ``thaw``, ``kill``; and :class:`Faults`, a proxy
before it that answers errors, is late, or loses answers.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from wabucketref.testing.faults import Faults

_START: Final = "{prelude}\nimport sys\nfrom wabucketref.__main__ import main\nsys.exit(main())"
_KEY_LENGTH: Final = 40
"""Characters that an API key has at least behind its first dash, by the SDK's rules."""


def user_name(prefix: str = "user") -> str:
    """The name of a user that nobody had before, long enough to be the API key too."""
    return f"{prefix}-{secrets.token_hex(_KEY_LENGTH // 2)}"


@dataclass
class LiveServer:
    """A server in a process of its own. Made by :func:`serving`, or by the fixture ``live_server``."""

    directory: Path
    arguments: Sequence[str] = ("--dev-users",)
    more_environ: Mapping[str, str] = field(default_factory=dict)
    prelude: str = ""
    """Python that runs first in its process."""
    url: str = ""
    key: str | None = None
    """An API key that was made when it started."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """The document that it printed."""
    process: "subprocess.Popen[str]" = field(init=False, repr=False)

    @property
    def home(self) -> Path:
        """Its ``WABUCKET_HOME``."""
        return self.directory / "wabucket"

    @property
    def log(self) -> Path:
        """What it says on stderr."""
        return self.directory / "server.log"

    @property
    def environ(self) -> dict[str, str]:
        """The environment of the server, and of our command line on its home."""
        inherited = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        return inherited | {
            "HOME": str(self.directory),
            "USER": "owner",
            "WABUCKET_HOME": str(self.home),
            "WABUCKET_TRACKER": "embedded",
            "NO_PROXY": "127.0.0.1,localhost",
            **self.more_environ,
        }

    def sdk_environ(self, user: str, directory: Path | None = None, *, url: str | None = None) -> dict[str, str]:
        """What a process needs to use W&B's SDK against this server as `user`, and nothing of this machine.

        `directory` is where the SDK keeps its files, `url` another way to the server.
        """
        place = directory or self.directory / "sdk" / user[:40]
        place.mkdir(parents=True, exist_ok=True)
        return {
            "HOME": str(place),
            "WANDB_BASE_URL": url or self.url,
            "WANDB_API_KEY": user,
            "WANDB_DIR": str(place),
            "WANDB_CACHE_DIR": str(place / "cache"),
            "WANDB_CONFIG_DIR": str(place / "config"),
            "WANDB_DATA_DIR": str(place / "data"),
            "WANDB_ERROR_REPORTING": "false",
            "WANDB_SILENT": "true",
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def wabucket(self, *arguments: str) -> dict[str, Any]:
        """Our command line on the server's home; the JSON document that it prints."""
        command = [sys.executable, "-m", "wabucketref", *arguments, "--json"]
        ran = subprocess.run(command, env=self.environ, capture_output=True, text=True, timeout=60)  # noqa: S603
        assert ran.returncode == 0, ran.stdout + ran.stderr
        found: dict[str, Any] = json.loads(ran.stdout)
        return found

    def up(self) -> None:
        """Start it; again on the same port when it ran before. Returns when it accepts."""
        self.directory.mkdir(parents=True, exist_ok=True)
        port = self.url.rpartition(":")[2] or "0"
        start = _START.format(prelude=self.prelude)
        command = [sys.executable, "-c", start, "serve", "--port", port, "--json", *self.arguments]
        with self.log.open("a") as out:
            self.process = subprocess.Popen(  # noqa: S603
                command, env=self.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=out, text=True
            )
        self.told = self._read()
        self.url, self.key = self.told["url"], self.told["api_key"] or self.key

    def down(self) -> int:
        """End it orderly; connections are refused from then on. Its exit code."""
        self.thaw()
        self.process.terminate()
        try:
            code = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self._close()
        return code

    def kill(self) -> None:
        """End it at once, in the middle of whatever it does."""
        self.process.kill()
        self.process.wait(20)
        self._close()

    def freeze(self) -> None:
        """Let it stand still: connections are taken, and nothing is answered."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)

    @contextmanager
    def faults(self) -> Iterator[Faults]:
        """A proxy before it that breaks things on request, for the block; its ``url`` is the way through it."""
        with Faults(self.url) as proxy:
            yield proxy

    def _read(self) -> Mapping[str, Any]:
        assert self.process.stdout is not None
        document = ""
        while not document.endswith("}\n"):
            line = self.process.stdout.readline()
            if not line:
                code = self.process.wait(20)
                self._close()
                said = self.log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"wabucket serve ended with {code}: {document}{said}")
            document += line
        found: Mapping[str, Any] = json.loads(document)
        return found

    def _close(self) -> None:
        if self.process.stdout is not None:
            self.process.stdout.close()


@contextmanager
def serving(
    directory: Path, *arguments: str, environ: Mapping[str, str] | None = None, prelude: str = ""
) -> Iterator[LiveServer]:
    """A server on a free port, its home below `directory`, until the block ends; `arguments` by default
    ``--dev-users``."""
    server = LiveServer(directory, arguments or ("--dev-users",), environ or {}, prelude)
    server.up()
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.down()
        else:
            server._close()


@pytest.fixture
def live_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server of this test's own."""
    with serving(tmp_path_factory.mktemp("live")) as server:
        yield server
