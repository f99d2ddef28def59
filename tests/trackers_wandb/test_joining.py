"""One run for the script, whether it or we began it."""

import json

from tests.trackers_wandb.conftest import Desk

JOINED = """
import json, wandb
from wabucketref import WaBucketRefAPI
run = wandb.init(project="demo", config={"lr": 1}, settings=wandb.Settings(console="off"))
run.log({"loss": 1})
with WaBucketRefAPI() as api:
    api.upload_artifact("src", "cats", "dataset", "one")
    assert wandb.run is run and api.run.id == run.id
    api.run.log({"mine": 5})
assert wandb.run is run
run.log({"loss": 2})
run.finish()
api = wandb.Api()
(found,) = api.runs(run.entity + "/demo")
made = api.artifact(run.entity + "/demo/cats:one")
print(json.dumps([found.state, found.config["lr"], made.logged_by().id == run.id,
                  [row.get("loss", row.get("mine")) for row in found.scan_history(use_cache=False)]]))
"""
OURS = """
import json, wandb
from wabucketref import WaBucketRefAPI
with WaBucketRefAPI() as one, WaBucketRefAPI() as two:
    first = one.wandb_start_run("first")
    wandb.config.update({"a": 1})
    second = two.wandb_start_run("second")
    assert wandb.run is second and first.id != second.id
    wandb.log({"loss": 1})
    first.log({"loss": 7})
    wandb.summary["best"] = 3
assert wandb.run is None
api = wandb.Api()
found = {run.name: run for run in api.runs("%s/demo")}
print(json.dumps([[found[name].config.get("a"), found[name].summary_metrics.get("loss"),
                   found[name].summary_metrics.get("best")] for name in ("first", "second")]))
"""


def test_a_run_that_the_script_began_is_joined_and_left_to_it(desk: Desk) -> None:
    desk.tree()
    assert json.loads(desk.python(JOINED)) == ["finished", 1, True, [1, 5, 2]]
    assert not list((desk.directory / "home" / "journal").glob("*.journal"))


def test_several_runs_of_ours_in_one_process_are_told_apart(desk: Desk) -> None:
    assert json.loads(desk.python(OURS % desk.user)) == [[1, 7, None], [None, 1, 3]]
