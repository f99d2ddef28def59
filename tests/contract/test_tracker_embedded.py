"""The embedded tracker keeps the contract, on SQLite and on PostgreSQL."""

from collections.abc import Callable
from pathlib import Path

import pytest

from wabucketref.conformance.tracker import run_tracker_checks
from wabucketref.contracts.tracker import Tracker
from wabucketref.testing.tracker import TrackerConformance
from wabucketref.trackers.embedded.factory import FACTORY
from wabucketref.trackers.embedded.tracker import EmbeddedTracker


@pytest.mark.row("A5")
class TestEmbedded(TrackerConformance):
    plugin = ("embedded", FACTORY)

    @pytest.fixture(params=["sqlite", "postgresql"])
    def open_tracker(self, request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Tracker]:
        if request.param == "postgresql":
            url = request.getfixturevalue("shared_postgres_url")
            return lambda: EmbeddedTracker(url)
        return lambda: EmbeddedTracker(f"sqlite:///{tmp_path}/catalog.sqlite")


def test_run_all_names_what_is_broken(tmp_path: Path) -> None:
    class Forgetful(EmbeddedTracker):
        def append_history(self, key: object, rows: object) -> None:
            return None

    found = run_tracker_checks(lambda: Forgetful(f"sqlite:///{tmp_path}/catalog.sqlite"))
    assert [name for name, problem in found.items() if problem] == ["rows_once"]
    assert "history: expected [HistoryRow(" in str(found["rows_once"])
