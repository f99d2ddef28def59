"""Versions and names beyond what every tracker must do."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from tests.unit.trackers.helpers import BUCKET, PROJECT, WHEN, ref, run, upload
from wabucketref.errors import Conflict, InvalidValue, NotFound, UsageError
from wabucketref.trackers.embedded.tracker import EmbeddedTracker

OTHER = "s3://two"


@pytest.fixture(params=["sqlite", "postgresql"])
def tracker(request: pytest.FixtureRequest, url: str) -> Iterator[EmbeddedTracker]:
    with closing(
        EmbeddedTracker(url if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    ) as found:
        yield found


def versions(tracker: EmbeddedTracker) -> list[tuple[str | None, tuple[str, ...]]]:
    return [(one.version, one.aliases) for one in tracker.list_artifacts(PROJECT)]


def test_overwriting_a_directory_replaces_its_version(tracker: EmbeddedTracker) -> None:
    key = run(tracker)
    tracker.log_artifact(key, upload("a", "old"))
    tracker.set_aliases(ref("a"), PROJECT, BUCKET, ["prod"])
    tracker.log_artifact(key, upload("a", "new"))
    assert versions(tracker) == [("v1", ("a", "latest"))]
    for lost in ("v0", "prod"):
        with pytest.raises(NotFound, match="v0 was replaced by v1") as caught:
            tracker.resolve(ref(lost), PROJECT)
        assert caught.value.hint == "use model/net:v1"


def test_overwriting_back_brings_the_first_version_back(tracker: EmbeddedTracker) -> None:
    key = run(tracker)
    for content, xid in (("old", "1"), ("new", "2"), ("old", "3")):
        tracker.log_artifact(key, upload("a", content, xid=xid))
    assert versions(tracker) == [("v0", ("a", "latest"))]
    tracker.log_artifact(key, upload("a", "new", xid="2"))
    assert versions(tracker) == [("v0", ("a", "latest"))]


def test_removing_what_replaced_leaves_nothing(tracker: EmbeddedTracker) -> None:
    key = run(tracker)
    tracker.log_artifact(key, upload("a", "old"))
    tracker.log_artifact(key, upload("a", "new"))
    tracker.remove_artifact(ref("a"), PROJECT, BUCKET)
    assert versions(tracker) == []
    with pytest.raises(NotFound, match="v1 was removed"):
        tracker.resolve(ref("a"), PROJECT)
    with pytest.raises(NotFound, match="not known"):
        tracker.resolve(ref("latest"), PROJECT)


def test_an_upload_takes_a_name_that_moved_to_another(tracker: EmbeddedTracker) -> None:
    key = run(tracker)
    tracker.log_artifact(key, upload("a"))
    tracker.set_aliases(ref("a"), PROJECT, BUCKET, ["prod"])
    tracker.log_artifact(key, upload("prod"))
    assert versions(tracker) == [("v1", ("prod", "latest")), ("v0", ("a",))]


def test_downloading_moves_no_latest(tracker: EmbeddedTracker) -> None:
    key = run(tracker)
    tracker.use_artifact(key, "u1", upload("met"))
    assert versions(tracker) == [("v0", ("met", "latest"))]
    tracker.log_artifact(key, upload("mine"))
    tracker.use_artifact(key, "u2", upload("older"))
    assert versions(tracker) == [("v2", ("older",)), ("v1", ("mine", "latest")), ("v0", ("met",))]
    tracker.remove_artifact(ref("mine"), PROJECT, BUCKET)
    assert versions(tracker) == [("v2", ("older", "latest")), ("v0", ("met",))]


def test_a_use_told_late_brings_nothing_back(tracker: EmbeddedTracker) -> None:
    key = run(tracker)
    tracker.log_artifact(key, upload("a"))
    tracker.log_artifact(key, upload("b", "new"))
    tracker.remove_artifact(ref("a"), PROJECT, BUCKET)
    assert tracker.use_artifact(key, "u1", upload("a")).version == "v0"
    assert tracker.use_artifact(key, "u2", upload("b", "before the overwrite")).version == "v2"
    assert versions(tracker) == [("v1", ("b", "latest"))]
    assert tracker.get_run(key).inputs == ("model/net:a", "model/net:b")


def test_uploads_without_digest_are_told_apart_by_directory(tracker: EmbeddedTracker) -> None:
    key = run(tracker)
    first = tracker.use_artifact(key, "u1", upload("a", digest=""))
    second = tracker.use_artifact(key, "u2", upload("b", digest=""))
    again = tracker.use_artifact(key, "u3", upload("a", digest=""))
    assert (first.version, second.version, again.version) == ("v0", "v1", "v0")
    assert first.digest is None


def test_latest_is_kept_for_each_bucket(tracker: EmbeddedTracker) -> None:
    key = run(tracker)
    tracker.log_artifact(key, upload("a"))
    tracker.log_artifact(key, upload("a", xid="x", bucket=OTHER))
    assert tracker.resolve(ref("latest"), PROJECT, BUCKET).version == "v0"
    assert tracker.resolve(ref("latest"), PROJECT, OTHER).version == "v1"
    tracker.remove_artifact(ref("a"), PROJECT, OTHER)
    assert tracker.resolve(ref("latest"), PROJECT).version == "v0"


def test_the_first_run_that_logged_is_the_producer(tracker: EmbeddedTracker) -> None:
    tracker.use_artifact(run(tracker, "reader"), "u", upload("a"))
    tracker.log_artifact(run(tracker, "first"), upload("a"))
    tracker.log_artifact(run(tracker, "second"), upload("a"))
    producer = tracker.lineage(ref("a"), PROJECT).produced_by
    assert producer is not None
    assert producer.id == "first"


def test_several_names_are_set_all_or_none(tracker: EmbeddedTracker) -> None:
    key = run(tracker)
    tracker.log_artifact(key, upload("a"))
    tracker.log_artifact(key, upload("b"))
    with pytest.raises(Conflict, match="directory of another upload"):
        tracker.set_aliases(ref("b"), PROJECT, BUCKET, ["x", "a"])
    with pytest.raises(UsageError, match="reserved"):
        tracker.set_aliases(ref("b"), PROJECT, BUCKET, ["x", "latest"])
    assert versions(tracker) == [("v1", ("b", "latest")), ("v0", ("a",))]


def test_a_write_that_fails_leaves_no_trace(tracker: EmbeddedTracker) -> None:
    key = run(tracker)
    with pytest.raises(InvalidValue):
        tracker.log_artifact(key, upload("a", metadata={"x": {1}}))
    with pytest.raises(InvalidValue, match="cannot hold"):
        tracker.log_artifact(key, upload("a", "\ud800"))
    assert tracker.log_artifact(key, upload("a")).version == "v0"


def test_an_unknown_run_is_named(tracker: EmbeddedTracker) -> None:
    key = run(tracker, "there")
    with pytest.raises(NotFound, match="run gone"):
        tracker.log_artifact(type(key)(*PROJECT, "gone"), upload("a"))


def test_moments_come_back_in_utc(tracker: EmbeddedTracker) -> None:
    found = tracker.log_artifact(run(tracker), upload("a"))
    assert found.created == WHEN
    assert found.created.utcoffset() == timedelta(0)


def test_unknown_projects_list_nothing(tracker: EmbeddedTracker) -> None:
    assert tracker.list_artifacts(("no", "where")) == []
    assert tracker.list_runs(("no", "where")) == []


def test_giant_version_numbers_are_unknown(tracker: EmbeddedTracker) -> None:
    tracker.log_artifact(run(tracker), upload("a"))
    with pytest.raises(NotFound, match="not known"):
        tracker.resolve(ref("v" + "9" * 30), PROJECT)
