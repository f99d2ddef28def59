"""W&B's SDK as it is, in a process that has nothing of ours."""

import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.server.live import LiveServer

SDK_PYTHON = os.environ.get("SDK_PYTHON", sys.executable)
"""A Python with another release of ``wandb``: CI runs these tests with each that is supported."""

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

    def run(self, script: str, *, timeout: float = 100, check: bool = True, **environ: str) -> Any:
        """Run `script` after ``import wandb``; what it leaves in ``answer``. With `check` it must end with 0."""
        ran = self.process(script, timeout=timeout, **environ)
        assert not check or ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}\n{self._log()}"
        lines = [line for line in ran.stdout.splitlines() if line.startswith("ANSWER ")]
        return json.loads(lines[-1].removeprefix("ANSWER ")) if lines else None

    def process(self, script: str, *, timeout: float = 100, **environ: str) -> "subprocess.CompletedProcess[str]":
        """The ended process of a script."""
        return subprocess.run(
            [SDK_PYTHON, "-I", "-c", _FRAME.format(script=textwrap.dedent(script))],
            env=self.server.sdk_environ(self.user, self.directory, **environ),
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def cli(self, *arguments: str, timeout: float = 100, **environ: str) -> "subprocess.CompletedProcess[str]":
        """``wandb ARGUMENTS``."""
        return subprocess.run(
            [SDK_PYTHON, "-I", "-m", "wandb", *arguments],
            env=self.server.sdk_environ(self.user, self.directory, **environ),
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def _log(self) -> str:
        return self.server.log.read_text(errors="replace")[-3000:]
