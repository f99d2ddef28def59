"""The embedded tracker keeps the contract, on SQLite and on PostgreSQL."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from wabucketref.conformance.tracker import CHECKS, Bench, concurrent_versions, run_tracker_checks
from wabucketref.contracts.tracker import Tracker
from wabucketref.trackers.embedded.tracker import EmbeddedTracker


@pytest.fixture(params=["sqlite", "postgresql"])
def open_tracker(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Tracker]:
    if request.param == "postgresql":
        url = request.getfixturevalue("shared_postgres_url")
        return lambda: EmbeddedTracker(url)
    return lambda: EmbeddedTracker(f"sqlite:///{tmp_path}/catalog.sqlite")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_check(check: Callable[[Bench], None], open_tracker: Callable[[], Tracker]) -> None:
    with closing(open_tracker()) as tracker:
        check(Bench(tracker))


@pytest.mark.row("A5")
def test_concurrent_versions(open_tracker: Callable[[], Tracker]) -> None:
    concurrent_versions(open_tracker)


def test_run_all_names_what_is_broken(tmp_path: Path) -> None:
    class Forgetful(EmbeddedTracker):
        def append_history(self, key: object, rows: object) -> None:
            return None

    found = run_tracker_checks(lambda: Forgetful(f"sqlite:///{tmp_path}/catalog.sqlite"))
    assert [name for name, problem in found.items() if problem] == ["rows_once"]
    assert "history: [] instead of" in str(found["rows_once"])
