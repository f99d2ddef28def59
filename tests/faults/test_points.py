"""The failpoints themselves."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.faults.points import POINTS, interpreter
from tests.faults.procs import ROOT
from wabucketref import failpoints


def test_the_names_in_the_code_are_the_catalogue() -> None:
    found = set()
    for path in (ROOT / "wabucketref").rglob("*.py"):
        found |= set(re.findall(r'\bhit\("([^"]+)"\)', path.read_text())) - (
            {"journal.synced"} if path.name == "failpoints.py" else set()
        )
    assert found == POINTS


def test_a_hook_is_called_until_it_is_removed() -> None:
    seen: list[str] = []
    failpoints.install(seen.append)
    try:
        failpoints.hit("journal.synced")
    finally:
        failpoints.install(None)
    failpoints.hit("journal.synced")
    assert seen == ["journal.synced"]


@pytest.mark.parametrize(
    ("script", "hits"),
    [
        ("upload.part=log:{}@2", [1]),
        ("upload.part=log:{}", [0, 1, 2, 3]),
        ("upload.part=log:{}@3+", [2, 3]),
        ("*=log:{}@4", [3]),
        ("journal.synced=log:{}", []),
    ],
)
def test_which_hit(tmp_path: Path, script: str, hits: list[int]) -> None:
    log = tmp_path / "log"
    hook = interpreter(script.format(log))
    seen = []
    for number in range(4):
        before = log.stat().st_size if log.exists() else 0
        hook("upload.part")
        if log.exists() and log.stat().st_size > before:
            seen.append(number)
    assert seen == hits


def test_raise_and_pause(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left") as caught:
        interpreter("upload.part=raise:ENOSPC")("upload.part")
    assert caught.value.errno == 28
    door = tmp_path / "door"
    thread = threading.Thread(target=interpreter(f"upload.part=pause:{door}"), args=("upload.part",))
    thread.start()
    thread.join(0.05)
    assert thread.is_alive()
    door.touch()
    thread.join(10)
    assert not thread.is_alive()
    assert (tmp_path / "door.reached").exists()


@pytest.mark.parametrize("script", ["nowhere=kill", "upload.part=explode", "upload.part=raise:NOTHING"])
def test_a_malformed_script_is_refused(script: str) -> None:
    with pytest.raises((ValueError, AttributeError)):
        interpreter(script)


@pytest.mark.parametrize("present", [True, False], ids=["tests present", "tests absent"])
def test_the_variable_works_in_the_command_line_only_where_the_tests_are(tmp_path: Path, present: bool) -> None:
    code = "import sys; from wabucketref.__main__ import main; sys.exit(main())"
    paths = [str(ROOT)] if present else [str(tmp_path)]
    if not present:
        (tmp_path / "wabucketref").symlink_to(ROOT / "wabucketref")
    (tmp_path / "a").write_text("x")
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(paths),
        "HOME": str(tmp_path),
        "WABUCKET_HOME": str(tmp_path / "home"),
        "WABUCKET_FAILPOINTS": "upload.claimed=kill",
    }
    argv = ["-p", "demo", "--tracker", "embedded", "upload", "a", "-n", "n", "-t", "t", "-a", "x"]
    ended = subprocess.run(
        [sys.executable, "-c", code, *argv], cwd=tmp_path, env=environ, capture_output=True, timeout=60, check=False
    )
    assert ended.returncode == (-9 if present else 0), ended.stderr
