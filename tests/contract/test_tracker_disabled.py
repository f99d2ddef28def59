"""The disabled tracker keeps nothing and says so."""

from collections.abc import Callable

import pytest

from wabucketref.contracts.tracker import Tracker
from wabucketref.errors import UsageError
from wabucketref.model.run import RunKey, RunState, RunUpdate
from wabucketref.testing.tracker import TrackerConformance
from wabucketref.trackers.disabled import FACTORY, DisabledTracker


class TestDisabled(TrackerConformance):
    plugin = ("disabled", FACTORY)

    @pytest.fixture
    def open_tracker(self) -> Callable[[], Tracker]:
        return DisabledTracker


def test_the_run_is_what_was_given() -> None:
    found = DisabledTracker().upsert_run(RunUpdate(RunKey("e", "p", "r"), config={"a": 1}, tags=("x",)))
    assert (found.entity, found.project, found.id, found.name) == ("e", "p", "r", "r")
    assert (found.state, found.config, found.tags) == (RunState.RUNNING, {"a": 1}, ("x",))


def test_names_are_checked() -> None:
    with pytest.raises(UsageError, match="reserved"):
        DisabledTracker().check_artifact(RunKey("e", "p", "r"), "t", "n", "latest")
