"""``TrackerConformance``: the tracker checks as pytest tests, for the tests of a tracker.

class TestMyTracker(TrackerConformance):
    @pytest.fixture
    def open_tracker(self):
        return lambda: MyTracker("https://tracker.example.org")
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, ClassVar

import pytest

from wabucketref.conformance.plugin import check_plugin
from wabucketref.conformance.results import run_check
from wabucketref.conformance.tracker import CHECKS, TrackerChecks, concurrent_versions
from wabucketref.contracts.tracker import Tracker
from wabucketref.testing.report import report, skip_known


class TrackerConformance:
    """Subclass it and give the fixture ``open_tracker``, which returns a function that opens a new connection."""

    deviations: ClassVar[Mapping[str, str]] = {}
    """Checks by name that this tracker cannot pass, each with the fact about it that says why."""
    plugin: ClassVar[tuple[str, Any] | None] = None
    """The name and the factory that its entry point gives."""

    @pytest.fixture
    def open_tracker(self) -> Callable[[], Tracker]:
        """A function that opens a new connection to one tracker."""
        raise NotImplementedError("give a fixture open_tracker that returns a function which opens the tracker")

    @pytest.fixture
    def entity(self) -> str:
        """Optional: where the tracker may make projects."""
        return "conformance"

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_contract(self, check: Any, open_tracker: Callable[[], Tracker], entity: str) -> None:
        """One check of the contract."""
        skip_known(check.__name__, self.deviations)
        report(TrackerChecks(open_tracker, entity).run(check))

    def test_concurrent_versions(self, open_tracker: Callable[[], Tracker], entity: str) -> None:
        """Writers at the same time, each on a connection of its own."""
        skip_known(concurrent_versions.__name__, self.deviations)
        report(TrackerChecks(open_tracker, entity).run_together())

    def test_plugin(self, open_tracker: Callable[[], Tracker]) -> None:
        """What the entry point gives is a plugin of this API, and declares what its trackers can do."""
        plugin = self.plugin
        if plugin is None:
            pytest.skip("no plugin is named")
        with closing(open_tracker()) as tracker:
            report(run_check("plugin", lambda: check_plugin(*plugin, tracker)))
