"""The one door to the tracker."""

import threading

import pytest

from tests.unit.service.fakes import ONCE, MemoryTracker
from wabucketref.errors import InvalidValue, NotAuthorised, NotFound, TransientError, UsageError, WaBucketError
from wabucketref.retry import RetryPolicy
from wabucketref.service.gate import TrackerGate


def test_without_a_tracker_everything_is_pending() -> None:
    gate = TrackerGate(None, ONCE)
    assert gate.call("ask", lambda tracker: pytest.fail("asked")) is None
    assert (gate.tracking, gate.open) == ("pending", False)


def test_a_tracker_that_keeps_nothing_is_disabled() -> None:
    gate = TrackerGate(MemoryTracker(records=False), ONCE)  # type: ignore[arg-type]
    assert (gate.tracking, gate.open) == ("disabled", True)


def test_an_answer_is_passed_on() -> None:
    gate = TrackerGate(MemoryTracker(), ONCE)  # type: ignore[arg-type]
    assert gate.call("ask", lambda tracker: tracker.name) == "memory"
    assert (gate.tracking, gate.open) == ("recorded", True)


@pytest.mark.parametrize("refusal", [UsageError("no"), InvalidValue("no")])
def test_a_refusal_of_one_record_leaves_the_door_open(refusal: WaBucketError) -> None:
    gate = TrackerGate(MemoryTracker(), ONCE)  # type: ignore[arg-type]

    def refuse(tracker: object) -> None:
        raise refusal

    with pytest.raises(type(refusal)):
        gate.call("ask", refuse)
    assert gate.open


@pytest.mark.parametrize(
    "cause", [TransientError("down"), NotAuthorised("key expired"), WaBucketError("odd"), NotFound("no run")]
)
def test_the_first_failure_shuts_it_for_good(cause: WaBucketError, caplog: pytest.LogCaptureFixture) -> None:
    gate = TrackerGate(MemoryTracker(), ONCE)  # type: ignore[arg-type]

    def fail(tracker: object) -> None:
        raise cause

    assert gate.call("ask", fail) is None
    assert gate.call("ask", lambda tracker: pytest.fail("asked again")) is None
    gate.shut(TransientError("later"))
    assert gate.cause is cause
    assert gate.tracking == "pending"
    assert [entry.message for entry in caplog.records] == [
        f"the tracker is out of reach, records stay in the journal: {cause}"
    ]


def test_passing_failures_are_tried_again_under_the_policy() -> None:
    slept: list[float] = []
    policy = RetryPolicy(attempts=4, sleep=slept.append, rng=lambda: 1.0)
    gate = TrackerGate(MemoryTracker(), policy)  # type: ignore[arg-type]
    answers = iter([TransientError("busy"), TransientError("busy"), None])

    def third_time_lucky(tracker: object) -> str:
        if (error := next(answers)) is not None:
            raise error
        return "ok"

    assert gate.call("ask", third_time_lucky) == "ok"
    assert len(slept) == 2
    assert gate.open


def test_many_threads_one_cause() -> None:
    gate = TrackerGate(MemoryTracker(), ONCE)  # type: ignore[arg-type]
    threads = [threading.Thread(target=gate.shut, args=(TransientError(str(number)),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert gate.cause is not None
