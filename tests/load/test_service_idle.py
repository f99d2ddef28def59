"""A run of the background service that is silent for a while goes on."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.faults.background import Service
from tests.faults.procs import World

SECONDS = 75


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_silent_run_goes_on(world: World, serve: Callable[[World], Service]) -> None:
    """Longer than the keepalive of the line and the grace for clients that are gone."""
    serve(world).start()
    script = (
        "import time; from wabucketref import WaBucketRefAPI\n"
        "with WaBucketRefAPI() as api:\n"
        "    run = api.wandb_start_run('silent')\n"
        f"    run.log({{'n': 1}}); time.sleep({SECONDS}); run.log({{'n': 2}})\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], env=world._environ(), capture_output=True, text=True, timeout=240, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, ""), ended
    (run,) = world.ok("runs")["items"]
    assert (run["state"], run["summary"]) == ("finished", {"n": 2})
