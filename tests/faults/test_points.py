"""The failpoints themselves."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.faults import passed
from tests.faults.points import POINTS, interpreter, noting, steps_of
from tests.faults.procs import ROOT, World
from tests.faults.steps import DOWNLOAD_STEPS, UPLOAD_STEPS, WITHOUT_POINT, all_steps
from wabucketref import failpoints


def test_the_names_in_the_code_are_the_catalogue() -> None:
    found = set()
    for path in (ROOT / "wabucketref").rglob("*.py"):
        found |= set(re.findall(r'\bhit\("([^"]+)"\)', path.read_text())) - (
            {"journal.synced"} if path.name == "failpoints.py" else set()
        )
    assert found == POINTS


def test_every_point_stands_for_a_step_and_every_step_has_one() -> None:
    assert {point for points in all_steps().values() for point in points} == POINTS
    steps = {step.split(" ", 1)[0] for step in (*UPLOAD_STEPS, *WITHOUT_POINT, *DOWNLOAD_STEPS)}
    assert steps == {f"P{number:02}" for number in range(1, 27)} | {f"Q{number:02}" for number in range(1, 11)}


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


def test_what_is_passed_and_met_is_noted(tmp_path: Path) -> None:
    passed, met = tmp_path / "passed", tmp_path / "met"
    passed.mkdir()
    met.mkdir()
    script = noting("upload.part=sleep:0@2,*=sleep:0@9,upload.claimed=sleep:0", passed=passed, met=met)
    hook = interpreter(script)
    for name in ("upload.part", "journal.synced", "upload.part"):
        hook(name)
    assert {path.name for path in passed.iterdir()} == {"upload.part", "journal.synced"}
    assert {path.name for path in met.iterdir()} == {"0"}
    assert steps_of(script) == ["upload.part=sleep:0@2", "*=sleep:0@9", "upload.claimed=sleep:0"]
    assert noting("upload.part=kill", passed=None) == "upload.part=kill"


def test_a_fault_that_is_not_hit_fails_the_test_that_scripted_it(world: World) -> None:
    (world.directory / "a").write_text("x")
    command = ("upload", "a", "-n", "n", "-t", "t", "-a")
    assert world.run(*command, "one", points="upload.claimed=sleep:0").code == 0
    with pytest.raises(AssertionError, match=r"not hit.*upload.claimed=kill@9"):
        world.run(*command, "two", points="upload.entries_put=sleep:0,upload.claimed=kill@9")
    assert world.run(*command, "three", points="upload.claimed=kill@9", may_miss=True).code == 0


def test_what_children_pass_counts(world: World) -> None:
    directory = passed.directory()
    assert directory is not None
    (directory / "workspace.closed").unlink(missing_ok=True)
    world.run("ls")
    assert (directory / "workspace.closed").exists()


@pytest.mark.parametrize(
    "script", ["nowhere=kill", "elsewhere=x;upload.part=kill", "upload.part=explode", "upload.part=raise:NOTHING"]
)
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
