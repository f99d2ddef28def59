"""Many threads on one session, which is closed while they work: all is done or refused, nothing hangs or is lost."""

import pytest

from tests.faults import invariants, trees
from tests.faults.procs import World
from wabucketref.model.run import RunKey

pytestmark = pytest.mark.row("K7")
TREE = {"a.txt": b"alpha\n", "deep/b.bin": bytes(5000)}
SCRIPT = """
import faulthandler, json, sys, threading, time
faulthandler.dump_traceback_later(40, exit=True)
from wabucketref import WaBucketRefAPI
from wabucketref.errors import WaBucketError

api = WaBucketRefAPI()
run = api.wandb_start_run("script")
did = {"logged": [], "uploaded": [], "downloaded": [], "refused": [], "odd": []}
begun = threading.Barrier(65)

def attempt(kind, what, call):
    try:
        call()
    except WaBucketError as error:
        did["refused"].append(f"{type(error).__name__}: {error}")
    except BaseException as error:
        did["odd"].append(repr(error))
    else:
        did[kind].append(what)

def work(me):
    begun.wait()
    for turn in range(4):
        name = f"{me}-{turn}"
        attempt("logged", name, lambda: run.log({"who": name}))
        if me % 4 == 0:
            attempt("uploaded", name, lambda: api.upload("src", "cats", "dataset", name))
        elif me % 4 == 1:
            attempt("uploaded", name, lambda: api.upload("src", "cats", "dataset", name, wait=False).wait(30))
        elif me % 4 == 2:
            attempt("downloaded", name, lambda: api.download("cats", "dataset", "zero", f"out-{name}"))
        else:
            attempt("logged", name + "+", lambda: run.log({"who": name + "+"}))
            run.summary, run.config, api.run

api.upload("src", "cats", "dataset", "zero")
threads = [threading.Thread(target=work, args=(me,)) for me in range(64)]
for thread in threads: thread.start()
begun.wait()
while len(did["logged"]) < CLOSE_AFTER: time.sleep(0.001)
closers = [threading.Thread(target=attempt, args=("closed", 0, api.close)) for _ in range(3)]
did["closed"] = []
for closer in closers: closer.start()
for thread in threads + closers: thread.join()
attempt("odd", "it was closed", lambda: api.upload("src", "cats", "dataset", "late"))
attempt("odd", "it was closed", lambda: run.log({"late": 1}))
json.dump(did, sys.stdout)
"""


@pytest.mark.parametrize("close_after", [70, 256 + 64], ids=["in the middle", "at the end"])
def test_sixty_four_threads(world: World, close_after: int) -> None:
    trees.make(world.directory / "src", TREE)
    ended = world.script(SCRIPT.replace("CLOSE_AFTER", str(close_after))).wait(50)
    assert ended.code == 0, ended
    did = ended.json()
    assert did["odd"] == []
    assert len(did["closed"]) == 3, did["refused"]
    assert all("closed" in text or "finished" in text or "ended" in text for text in did["refused"]), did["refused"]
    (run,) = invariants.ended_runs(world)
    assert run["state"] in ("finished", "killed", "failed"), run
    with world.open() as workspace:
        rows = workspace.tracker.history(RunKey(run["entity"], run["project"], run["id"]))
    assert sorted(row.values["who"] for row in rows) == sorted(did["logged"]), "rows were lost or doubled"
    there = {item["alias"] for item in world.ok("ls")["items"]}
    assert {"zero", *did["uploaded"]} <= there
    for name in did["downloaded"]:
        assert trees.read(world.directory / f"out-{name}") == TREE
    if close_after > 300:
        assert run["state"] == "finished"
    invariants.settled(world)
