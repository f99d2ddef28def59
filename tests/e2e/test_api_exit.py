"""How scripts end: with and without ``close()``, by errors, by signals, in forked children."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
HEAD = """
import os, sys, threading
from wabucketref import WaBucketRefAPI
api = WaBucketRefAPI("bucket", "demo", settings={"tracker": "embedded"})
run = api.wandb_start_run("script")
run.log({"step": 1})
"""

ENDINGS: dict[str, tuple[str, int, tuple[str, int]]] = {
    "falls off the end": ("", 0, ("failed", 1)),
    "close": ("api.close()", 0, ("finished", 0)),
    "exit": ("sys.exit(3)", 3, ("failed", 1)),
    "exception": ("raise ValueError('x')", 1, ("failed", 1)),
    "daemon thread": (
        "threading.Thread(target=lambda: [run.log({'n': 1}) for _ in iter(int, 1)], daemon=True).start()",
        0,
        ("failed", 1),
    ),
    "block": ("with api: pass", 0, ("finished", 0)),
    "block that fails": ("with api: 1/0", 1, ("failed", 1)),
    "exit in a block": ("with api: sys.exit(0)", 0, ("finished", 0)),
    "forked child": (
        "pid = os.fork()\nif pid == 0:\n    sys.exit(0)\nos.waitpid(pid, 0)\napi.close()",
        0,
        ("finished", 0),
    ),
}


def script(directory: Path, text: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    given = {**os.environ, "PYTHONPATH": str(ROOT), "WABUCKET_HOME": str(directory / "home"), **(environ or {})}
    return subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", text],
        cwd=directory,
        env=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def command(directory: Path, *argv: str) -> Any:
    text = f"import sys; from wabucketref.cli.main import main; sys.exit(main({['--json', '-p', 'demo', *argv]!r}))"
    ended = script(directory, text, {"WABUCKET_TRACKER": "embedded"})
    assert ended.returncode == 0, ended
    return json.loads(ended.stdout)


@pytest.mark.parametrize("ending", ENDINGS)
def test_endings(tmp_path: Path, ending: str) -> None:
    text, code, expected = ENDINGS[ending]
    ended = script(tmp_path, HEAD + text)
    assert ended.returncode == code, ended
    (run,) = command(tmp_path, "runs")["items"]
    assert (run["state"], run["exit_code"]) == expected
    assert run["summary"]["step"] == 1
    assert list((tmp_path / "home/journal").iterdir()) == []


@pytest.mark.parametrize("how", ["os._exit(0)", f"os.kill(os.getpid(), {int(signal.SIGKILL)})"], ids=["_exit", "kill"])
def test_what_no_program_survives_is_in_the_journal(tmp_path: Path, how: str) -> None:
    script(tmp_path, HEAD + "for n in range(100): run.log({'n': n})\n" + how)
    (item,) = command(tmp_path, "sync")["items"]
    assert (item["tracking"], item["state"]) == ("recorded", "crashed")
    (run,) = command(tmp_path, "runs")["items"]
    assert (run["state"], run["summary"]) == ("crashed", {"step": 1, "n": 99})


def test_importing_costs_no_sdk(tmp_path: Path) -> None:
    text = "import sys, wabucketref; print([m for m in ('wandb', 's3fs', 'gcsfs', 'sqlalchemy') if m in sys.modules])"
    assert script(tmp_path, text).stdout == "[]\n"


@pytest.mark.row("K7")
def test_a_failure_that_nobody_waited_for_is_raised_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"1")
    (tmp_path / "two").write_bytes(b"2")
    text = "api.upload('one', 'n', 't', 'a')\nticket = api.upload('two', 'n', 't', 'a', wait=False)\n"
    ended = script(tmp_path, HEAD + text + "api.close()")
    assert (ended.returncode, "AliasTaken" in ended.stderr) == (1, True)
    heard = "try: ticket.wait()\nexcept FileExistsError: pass\n"
    assert script(tmp_path, HEAD.replace("script", "heard") + text + heard + "api.close()").returncode == 0
    states = {run["name"]: (run["state"], run["exit_code"]) for run in command(tmp_path, "runs")["items"]}
    assert states == {"script": ("failed", 6), "heard": ("finished", 0)}
