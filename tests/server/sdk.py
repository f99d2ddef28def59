"""W&B's SDK as it is, in a process that has nothing of ours."""

import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wabucketref.errors import NotFound
from wabucketref.model.run import RunKey
from wabucketref.testing.server import LiveServer
from wabucketref.trackers.embedded.tracker import EmbeddedTracker

SDK_PYTHON = os.environ.get("SDK_PYTHON", sys.executable)
"""A Python with another release of ``wandb``. What CI runs with each that is supported lies in ``tests/releases``."""

_FRAME = """
import json, os, sys
assert not any(name.startswith("wabucketref") for name in sys.modules)
import wandb
answer = None
{script}
print("ANSWER", json.dumps(answer, default=str))
"""


@dataclass
class Sdk:
    """Runs scripts."""

    server: LiveServer
    user: str
    directory: Path
    python: str = SDK_PYTHON

    def start(self, script: str, **environ: str) -> "subprocess.Popen[str]":
        """A script in a process that goes on meanwhile."""
        self.directory.mkdir(parents=True, exist_ok=True)
        return subprocess.Popen(
            [self.python, "-I", "-c", _FRAME.format(script=textwrap.dedent(script))],
            env=self._environ(environ),
            cwd=self.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ended(self, process: "subprocess.Popen[str]", timeout: float = 100) -> Any:
        """What a started script leaves in ``answer``, once it has ended with 0."""
        out, err = process.communicate(timeout=timeout)
        assert process.returncode == 0, f"{out}\n{err}\n{self._log()}"
        return _answer(out)

    def rows(self, run_id: str, project: str = "p") -> list[dict[str, Any]]:
        """The history of a run as the catalog has it."""
        url = self.server.environ.get("WABUCKET_CATALOG", f"sqlite:///{self.server.home / 'catalog.sqlite'}")
        with closing(EmbeddedTracker(url, create=False)) as tracker:
            found = tracker.history(RunKey(self.user, project, run_id))
        return [{**row.values, "_step": row.step} for row in found]

    def wait_for_rows(self, run_id: str, count: int, seconds: float = 60) -> None:
        """Return when the catalog has so many rows."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(NotFound):
                if len(self.rows(run_id)) >= count:
                    return
            time.sleep(0.05)
        raise TimeoutError(f"fewer than {count} rows after {seconds} s: {self._log()}")

    def run(self, script: str, *, timeout: float = 100, check: bool = True, **environ: str) -> Any:
        """Run `script` after ``import wandb``; what it leaves in ``answer``. With `check` it must end with 0."""
        ran = self.process(script, timeout=timeout, **environ)
        assert not check or ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}\n{self._log()}"
        return _answer(ran.stdout)

    def process(self, script: str, *, timeout: float = 100, **environ: str) -> "subprocess.CompletedProcess[str]":
        """The ended process of a script."""
        return subprocess.run(
            [self.python, "-I", "-c", _FRAME.format(script=textwrap.dedent(script))],
            env=self._environ(environ),
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def cli(self, *arguments: str, timeout: float = 100, **environ: str) -> "subprocess.CompletedProcess[str]":
        """``wandb ARGUMENTS``."""
        return subprocess.run(
            [self.python, "-I", "-m", "wandb", *arguments],
            env=self._environ(environ),
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def _environ(self, more: Mapping[str, str]) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], **self.server.sdk_environ(self.user, self.directory), **more}

    def _log(self) -> str:
        return self.server.log.read_text(errors="replace")[-3000:]


def _answer(out: str) -> Any:
    lines = [line for line in out.splitlines() if line.startswith("ANSWER ")]
    return json.loads(lines[-1].removeprefix("ANSWER ")) if lines else None
