"""Releases of W&B's SDK against the server: a few ways of use that each of them must know. Run by ``make sdks``."""

from collections.abc import Callable

import pytest

from tests.releases.conftest import pythons
from tests.server import test_sdk_runs
from tests.server.artifacts import test_sdk
from tests.server.sdk import Sdk

STEPS = 10_000
CHECKS: list[Callable[[Sdk], None]] = [
    test_sdk.test_files_and_references_come_back_and_lineage_is_known_on_both_sides,
    test_sdk.test_artifacts_of_an_offline_run_are_there_after_its_sync_once,
    test_sdk_runs.test_a_run_is_resumed_where_it_stopped,
]


def test_there_are_releases_to_test() -> None:
    assert pythons(), "run `make sdks`, which installs them"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_check(sdk: Sdk, check: Callable[[Sdk], None]) -> None:
    check(sdk)


def test_many_steps_and_the_public_api(sdk: Sdk, request: pytest.FixtureRequest) -> None:
    found = sdk.run(
        f"""
        with wandb.init(project="p", id="long", config={{"rate": 0.1}}) as run:
            for step in range({STEPS}):
                run.log({{"loss": 1 / (step + 1)}})
        run = wandb.Api().run("p/long")
        steps = [row["_step"] for row in run.scan_history(keys=["_step", "loss"], page_size=5000)]
        answer = [wandb.__version__, run.state, run.config, run.summary["loss"], steps, len(run.history(pandas=False))]
        """
    )
    assert found[1:] == ["finished", {"rate": 0.1}, 1 / STEPS, list(range(STEPS)), 500]
    assert len(sdk.rows("long")) == STEPS
    assert f"[{found[0]}]" in request.node.name, "this is another release than it is called"
