"""Programs that end in every way, without and with ``close()``: the run's state is right, and nothing hangs."""

import signal

import pytest

from tests.faults import invariants, trees
from tests.faults.procs import World, reached

HEAD = """
import atexit, os, signal, sys, threading, time
from wabucketref import WaBucketRefAPI
from wabucketref.errors import WaBucketError
"""
BEGIN = """
api = WaBucketRefAPI()
run = api.wandb_start_run("script")
run.log({"x": 1})
"""
FAILED, FINISHED, CRASHED = ("failed", 1), ("finished", 0), ("crashed", 1)

ENDS: dict[str, tuple[str, int, tuple[str, int]]] = {
    "falls off the end": (BEGIN, 0, FAILED),
    "exit with a text": (BEGIN + "sys.exit('no')", 1, FAILED),
    "exit in another thread": (BEGIN + "threading.Thread(target=sys.exit).start()", 0, FAILED),
    "exception in another thread": (BEGIN + "threading.Thread(target=lambda: 1 / 0).start()", 0, FAILED),
    "exception": (BEGIN + "1 / 0", 1, FAILED),
    "closed twice": (BEGIN + "api.close()\napi.close()", 0, FINISHED),
    "nobody holds the session": (BEGIN + "del api, run\nimport gc; gc.collect()", 0, FAILED),
    "two sessions": (BEGIN + "with WaBucketRefAPI() as other: other.wandb_start_run('other')", 0, FAILED),
    # The thread pools that transfers need end before the interpreter's exit handlers, so the session does too.
    "closed by an exit handler": (BEGIN + "atexit.register(api.close)", 0, FAILED),
    "used at the very end": (
        """
class Late:
    def __del__(self):
        try: run.log({"late": 1})
        except WaBucketError: os.write(1, b"refused")
"""
        + BEGIN
        + "late = Late()",
        0,
        FAILED,
    ),
    "daemon thread that logs": (
        BEGIN + "threading.Thread(target=lambda: [run.log({'n': 1}) for _ in iter(int, 1)], daemon=True).start()",
        0,
        FAILED,
    ),
    "thread that goes on": (
        "def late():\n"
        "    threading.main_thread().join()\n"
        "    try: api.upload('src', 'cats', 'dataset', 'one')\n"
        "    except WaBucketError: os.write(1, b'refused')\n" + BEGIN + "threading.Thread(target=late).start()",
        0,
        FAILED,
    ),
    "uploads under way": (
        BEGIN + "for n in range(5): api.upload('src', 'cats', 'dataset', f'a{n}', wait=False)\n1 / 0",
        1,
        FAILED,
    ),
    "a test that closes nothing": (
        """
import pytest
class Case:
    def pytest_runtest_call(self, item): exec(BEGIN, globals())
os.mkdir("suite")
open("suite/test_it.py", "w").write("def test_it(): pass")
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "suite"], plugins=[Case()]))
""".replace("BEGIN", repr(BEGIN)),
        0,
        FAILED,
    ),
    "_exit": (BEGIN + "os._exit(3)", 3, CRASHED),
    "another program in its place": (BEGIN + "os.execv('/bin/true', ['true'])", 0, CRASHED),
    "kill": (BEGIN + "os.kill(os.getpid(), signal.SIGKILL)", -9, CRASHED),
    "SIGTERM": (BEGIN + "os.kill(os.getpid(), signal.SIGTERM)", -15, CRASHED),
    "SIGHUP": (BEGIN + "os.kill(os.getpid(), signal.SIGHUP)", -1, CRASHED),
}


@pytest.mark.row("K8")
@pytest.mark.parametrize("name", ENDS)
def test_ends(world: World, name: str) -> None:
    text, code, expected = ENDS[name]
    trees.make(world.directory / "src", trees.TWO_FILES)
    ended = world.script(HEAD + text).wait(20)
    assert ended.code == code, ended
    assert "internal error" not in ended.err
    if expected == CRASHED:
        synced = world.run("sync")
        assert synced.code == 0, synced
    (run,) = [run for run in invariants.ended_runs(world) if run["name"] == "script"]
    assert ((run["state"], run["exit_code"]), run["summary"]["x"]) == (expected, 1), ended
    invariants.settled(world)
    assert len(run["outputs"]) == (5 if name == "uploads under way" else 0)


@pytest.mark.row("K4")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_batch_system_ends_an_upload(world: World, number: signal.Signals) -> None:
    """As SLURM and Kubernetes do: a signal, some time, and SIGKILL to what is left."""
    source = trees.make(world.directory / "src", trees.TWO_FILES)
    door = world.directory / "door"
    command = ("upload", str(source), "-n", "cats", "-t", "dataset", "-a", "one")
    child = world.start(*command, points=f"upload.file_stored=pause:{door}")
    reached(door)
    child.signal(number)
    child.signal(number)
    door.touch()
    ended = child.wait(20)
    assert ended.code == 143, ended
    (run,) = invariants.ended_runs(world)
    assert (run["state"], run["exit_code"]) == ("killed", 143)
    assert world.run(*command).code == 0
    assert invariants.all_or_nothing(world, "dataset/cats:one", trees.TWO_FILES)
    invariants.settled(world)
