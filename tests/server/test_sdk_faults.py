"""W&B's SDK against a server that fails now and then: nothing is lost, nothing doubled."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.live import started
from tests.server.sdk import Sdk
from wabucketref.testing.server import LiveServer, user_name

SHORT = {
    f"WANDB_X_{part}_RETRY_WAIT_{end}_SECONDS": "1"
    for part in ("GRAPHQL", "FILE_STREAM", "FILE_TRANSFER")
    for end in ("MIN", "MAX")
}
"""The SDK waits up to a minute between its tries, and a quarter of one between its posts; not here. (It takes whole
seconds.)"""
SHORT["WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL"] = "0.3"

LOG = """
with wandb.init(project="p", id="r", config={"a": 1}, settings=wandb.Settings(x_stats_sampling_interval=0.2)) as run:
    for step in range(60):
        run.log({"x": step})
        time.sleep(0.01)
    open("f.txt", "w").write("kept")
    wandb.save("f.txt", policy="now")
    print("said once")
answer = run.id
"""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[LiveServer]:
    """A server of this test alone: it is killed."""
    with started(tmp_path / "live") as server:
        yield server


def whole(sdk: Sdk) -> None:
    """All that LOG logs is there, once."""
    found: dict[str, Any] = sdk.run(
        """
        run = wandb.Api().run("p/r")
        run.file("f.txt").download(root="down", replace=True)
        answer = {
            "state": run.state, "config": run.config, "rows": [row["x"] for row in run.scan_history()],
            "file": open("down/f.txt").read(), "runs": len(wandb.Api().runs("p")),
        }
        """
    )
    assert found == {"state": "finished", "config": {"a": 1}, "rows": list(range(60)), "file": "kept", "runs": 1}


@pytest.mark.row("T2")
def test_errors_and_lost_answers_cost_nothing(server: LiveServer, sdk: Sdk) -> None:
    with server.faults() as faults:
        faults.add("UpsertBucket", status=500)
        faults.add("UpsertBucket", lose_answer=True, after=1)
        faults.add("/file_stream", lose_answer=True, times=2)
        faults.add("/file_stream", status=429, headers={"Retry-After": "1"}, after=3)
        faults.add("/file_stream", status=503, after=5)
        faults.add("CreateRunFiles", status=500)
        faults.add("CreateRunFiles", lose_answer=True, after=1)
        faults.add("/blobs/", drop=True)
        faults.add("/blobs/", lose_answer=True, after=2)
        sdk.run("import time\n" + LOG, WANDB_BASE_URL=faults.url, **SHORT)
        assert faults.struck("UpsertBucket") == 2
        assert faults.struck("/file_stream") >= 3
        assert faults.struck("CreateRunFiles") == 2
        assert faults.struck("/blobs/") == 2
    whole(sdk)


@pytest.mark.row("T1")
def test_a_server_that_dies_and_comes_back_in_the_middle(own: LiveServer, tmp_path: Path) -> None:
    sdk = Sdk(own, user_name(), tmp_path / "sdk")
    script = f"""
import time, threading
{LOG.replace("time.sleep(0.01)", "time.sleep(0.05)")}
"""
    running = sdk.start(script, **SHORT)
    sdk.wait_for_rows("r", 5)
    own.kill()
    own.up()
    sdk.wait_for_rows("r", 20)
    own.freeze()
    own.thaw()
    assert sdk.ended(running) == "r"
    whole(sdk)
