"""The disabled tracker keeps nothing and says so."""

import pytest

from wabucketref.conformance.tracker import keeps_nothing
from wabucketref.errors import UsageError
from wabucketref.model.run import RunKey, RunState, RunUpdate
from wabucketref.trackers.disabled import DisabledTracker


def test_keeps_nothing() -> None:
    tracker = DisabledTracker()
    assert not tracker.capabilities.records
    assert not tracker.capabilities.queries
    keeps_nothing(tracker)
    tracker.close()


def test_the_run_is_what_was_given() -> None:
    found = DisabledTracker().upsert_run(RunUpdate(RunKey("e", "p", "r"), config={"a": 1}, tags=("x",)))
    assert (found.entity, found.project, found.id, found.name) == ("e", "p", "r", "r")
    assert (found.state, found.config, found.tags) == (RunState.RUNNING, {"a": 1}, ("x",))


def test_names_are_checked() -> None:
    with pytest.raises(UsageError, match="reserved"):
        DisabledTracker().check_artifact(RunKey("e", "p", "r"), "t", "n", "latest")
