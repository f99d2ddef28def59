"""``wabucket sync`` and ``wabucket status``."""

import json
from collections.abc import Callable

from tests.unit.cli import schemas
from tests.unit.cli.conftest import Floors, Ran
from wabucketref.errors import TrackingPending
from wabucketref.operations import status, sync

Run = Callable[..., Ran]


def result() -> object:
    return sync.SyncResult(
        [
            sync.SyncedRun("r1", "demo", "recorded", "finished", ("dataset/cats:1",), None),
            sync.SyncedRun("r2", None, "pending", None, (), "no route\nto host"),
        ]
    )


def test_sync_prints_a_line_a_run(wabucket: Run, floors: Floors) -> None:
    floors.answers["sync"] = result()
    ran = wabucket("sync", "--to", "wandb")
    assert (ran.code, floors.arguments) == (0, {"tracker": "wandb"})
    assert ran.out.splitlines() == [
        "r1  demo  recorded, finished: dataset/cats:1",
        "r2  -  pending (no route\\nto host)",
    ]
    schemas.check("sync", json.loads(wabucket("sync", "--json").out))


def test_what_stays_pending_is_8_beside_the_result(wabucket: Run, floors: Floors) -> None:
    pending = TrackingPending("1 run could not be finished", hint="again")
    pending.result = result()  # type: ignore[attr-defined,unused-ignore]
    floors.answers["sync"] = pending
    ran = wabucket("sync")
    assert (ran.code, len(ran.out.splitlines())) == (8, 2)
    document = json.loads(wabucket("sync", "--json").out)
    assert (document["error"]["code"], len(document["items"])) == (8, 2)


def test_status(wabucket: Run, floors: Floors) -> None:
    transfers = [status.Transfer("x1", "unfinished"), status.Transfer("x2", "running", "upload", 1, 2, 3, None)]
    items = [status.RunStatus("r1", "demo\x1b", "waiting", transfers, "down", 4096, 2.5)]
    floors.answers["status"] = status.StatusResult(items)
    assert wabucket("status", "r1").out.startswith("r1  demo\\x1b  waiting")
    assert floors.calls[0][1] == ("r1",)
    schemas.check("status", json.loads(wabucket("status", "--json").out))
    floors.answers["status"] = status.StatusResult([])
    assert wabucket("status") == Ran(0, "", "nothing is under way\n")
