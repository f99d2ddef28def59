"""How scripts end while a background service records them: as without one, and what cannot say its end ends too."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_api_exit import ENDINGS, HEAD, command, script
from wabucketref.service.remote.launch import is_held
from wabucketref.service.remote.place import Place

CLI = "import sys; from wabucketref.cli.main import main; sys.exit(main({arguments!r}))"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Path]:
    """A directory whose home has a background service."""
    ended = script(tmp_path, CLI.format(arguments=["service", "start"]))
    assert ended.returncode == 0, ended
    place = Place.of(tmp_path / "home")
    yield tmp_path
    plate = place.read_plate()
    if plate is not None and is_held(place):
        os.kill(plate.pid, signal.SIGKILL)
        while is_held(place):
            time.sleep(0.02)


def runs(directory: Path, state: str) -> list[dict[str, object]]:
    """All runs, once none is in another state than `state`."""
    end = time.monotonic() + 20
    while True:
        found: list[dict[str, object]] = command(directory, "runs")["items"]
        if all(run["state"] == state for run in found):
            return found
        assert time.monotonic() < end, found
        time.sleep(0.1)


@pytest.mark.row("K8")
@pytest.mark.parametrize("ending", ENDINGS)
def test_endings(served: Path, ending: str) -> None:
    text, code, expected = ENDINGS[ending]
    ended = script(served, HEAD + text)
    assert ended.returncode == code, ended
    (run,) = command(served, "runs")["items"]
    assert (run["state"], run["exit_code"]) == expected
    assert run["summary"]["step"] == 1
    assert list((served / "home/journal").iterdir()) == []


@pytest.mark.row("K2", "K8")
@pytest.mark.parametrize("how", ["os._exit(0)", f"os.kill(os.getpid(), {int(signal.SIGKILL)})"], ids=["_exit", "kill"])
def test_a_session_that_says_nothing_has_crashed(served: Path, how: str) -> None:
    (served / "file").write_bytes(b"x" * 100_000)
    upload = f"api.upload({str(served / 'file')!r}, 'n', 't', 'a', wait=False)\n"
    script(served, HEAD + "for n in range(100): run.log({'n': n})\n" + upload + how)
    (run,) = runs(served, "crashed")
    assert run["summary"] == {"step": 1, "n": 99}
    assert run["outputs"] == ["t/n:a"]


@pytest.mark.row("K8")
def test_a_child_that_outlives_its_script_does_not_keep_the_run_open(served: Path) -> None:
    """A process that forked has its sockets too."""
    fork = (
        "import time\nchild = os.fork()\nif not child:\n    os.closerange(0, 3)\n    time.sleep(60)\n    os._exit(0)\n"
    )
    kill = f"print(child, flush=True)\nos.kill(os.getpid(), {int(signal.SIGKILL)})"
    ended = script(served, HEAD + "run.log({'n': 1})\nimport time\ntime.sleep(0.5)\n" + fork + kill)
    try:
        (run,) = runs(served, "crashed")
        assert run["summary"] == {"step": 1, "n": 1}
    finally:
        os.kill(int(ended.stdout), signal.SIGKILL)


def test_an_upload_outlives_its_script(served: Path) -> None:
    (served / "file").write_bytes(b"x" * 100_000)
    text = f"ticket = api.upload({str(served / 'file')!r}, 'n', 't', 'a', wait=False)\napi.close()\nprint(ticket.xid)"
    ended = script(served, HEAD + text)
    assert ended.returncode == 0, ended
    wait = f"print(WaBucketRefAPI('bucket', 'demo').ticket({ended.stdout.strip()!r}).wait(20).ref)"
    other = script(served, "from wabucketref import WaBucketRefAPI\n" + wait)
    assert other.stdout == "t/n:a\n", other
    (run,) = runs(served, "finished")
    assert run["outputs"] == ["t/n:a"]


def test_an_upload_that_fails_and_nobody_waited_for_fails_the_run(served: Path) -> None:
    (served / "one").write_bytes(b"1")
    (served / "two").write_bytes(b"2")
    text = f"api.upload({str(served / 'one')!r}, 'n', 't', 'a')\n"
    text += f"api.upload({str(served / 'two')!r}, 'n', 't', 'a', wait=False)\n"
    ended = script(served, HEAD + text + "api.close()")
    (found,) = runs(served, "failed")
    assert found["exit_code"] == 6
    assert ended.returncode == 0 or "AliasTaken" in ended.stderr, "it may have ended before the script did"


@pytest.mark.row("K6")
def test_a_forked_child_is_told_and_its_parent_goes_on(served: Path) -> None:
    text = """
pid = os.fork()
if pid == 0:
    try:
        run.log({"child": 1})
    except ValueError as error:
        print(error, flush=True)
    os._exit(0)
os.waitpid(pid, 0)
import multiprocessing
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map(abs, [-1, -2]), flush=True)
run.log({"step": 2})
api.close()
"""
    ended = script(served, HEAD + text)
    assert ended.returncode == 0, ended
    assert ended.stdout.splitlines()[-1] == "[1, 2]"
    assert "belongs to the parent process" in ended.stdout
    (run,) = runs(served, "finished")
    assert run["summary"] == {"step": 2}


@pytest.mark.row("K6")
def test_a_forked_child_opens_an_api_of_its_own(served: Path) -> None:
    text = """
pid = os.fork()
if pid == 0:
    with WaBucketRefAPI("bucket", "demo", settings={"tracker": "embedded"}) as own:
        own.wandb_start_run("child").log({"step": 7})
    os._exit(0)
os.waitpid(pid, 0)
api.close()
"""
    ended = script(served, HEAD + text)
    assert ended.returncode == 0, ended
    found = {run["name"]: run["summary"] for run in runs(served, "finished")}
    assert found == {"script": {"step": 1}, "child": {"step": 7}}, json.dumps(found)
