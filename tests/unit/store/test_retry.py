"""The retry policy under a clock that tests turn."""

import pytest

from wabucketref.errors import NotAuthorised, OutcomeUnknown, TransientError
from wabucketref.retry import RetryPolicy, retry
from wabucketref.store.drivers.memory import MemoryStorage
from wabucketref.store.wrappers.faulty import Fault, Faulty
from wabucketref.store.wrappers.retrying import Retrying


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def policy(clock: Clock, **changes: object) -> RetryPolicy:
    return RetryPolicy(clock=lambda: clock.now, sleep=clock.sleep, rng=lambda: 1.0, **changes)  # type: ignore[arg-type]


class Failing:
    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def test_delays_double_up_to_a_bound() -> None:
    clock = Clock()
    call = Failing(*[TransientError("no") for _ in range(6)])
    assert retry(call, policy(clock, first_delay=1, max_delay=5), what="it") == "done"
    assert clock.slept == [1, 2, 4, 5, 5, 5]


def test_jitter_keeps_at_least_half() -> None:
    shortest = RetryPolicy(first_delay=1, rng=lambda: 0.0)
    assert shortest.delay(1, TransientError("no")) == 0.5


def test_gives_up_with_count_time_and_cause() -> None:
    clock = Clock()
    last = TransientError("503 SlowDown", hint="wait")
    call = Failing(TransientError("first"), TransientError("second"), last)
    with pytest.raises(TransientError, match=r"503 SlowDown \(gave up after 3 tries in 3\.0 s\)") as caught:
        retry(call, policy(clock, attempts=3, first_delay=1), what="it")
    assert caught.value.__cause__ is last
    assert caught.value.hint == "wait"
    assert caught.value.exit_code == 5


def test_deadline_starts_no_further_try() -> None:
    clock = Clock()
    with pytest.raises(TransientError, match="gave up after 4 tries"):
        retry(Failing(*[TransientError("no")] * 99), policy(clock, attempts=99, first_delay=1, deadline=10), what="it")
    assert clock.now <= 10


@pytest.mark.parametrize(("asked", "slept"), [(7.0, 7.0), (1e9, 60.0), (0.0, 1.0), (-5.0, 1.0), (None, 1.0)])
def test_retry_after_counts_up_to_a_bound(asked: float | None, slept: float) -> None:
    clock = Clock()
    error = TransientError("no")
    error.retry_after = asked
    retry(Failing(error), policy(clock, first_delay=1), what="it")
    assert clock.slept == [slept]


def test_permanent_errors_come_out_at_once() -> None:
    clock = Clock()
    error = NotAuthorised("no")
    call = Failing(error)
    with pytest.raises(NotAuthorised) as caught:
        retry(call, policy(clock), what="it")
    assert caught.value is error
    assert (call.calls, clock.slept) == (1, [])


def test_who_never_answered_is_asked_less_long() -> None:
    clock, silent = Clock(), TransientError("refused")
    silent.unanswered = True
    store = MemoryStorage("never-answered")
    asked = Faulty(store, [Fault("put", times=99, error=silent)])
    with pytest.raises(TransientError, match="gave up") as caught:
        Retrying(asked, policy(clock)).put("a", b"")
    assert clock.now < 5
    assert caught.value.exhausted
    said_no = Faulty(store, [Fault("put", error=TransientError("503")), Fault("put", nth=2, times=6, error=silent)])
    Retrying(said_no, policy(clock)).put("a", b"")
    assert clock.now > 20
    said_no.assert_all_hit()


def test_the_request_may_refuse_what_the_error_allows() -> None:
    call = Failing(OutcomeUnknown("lost"))
    with pytest.raises(OutcomeUnknown):
        retry(call, policy(Clock()), what="it", may_repeat=lambda error: not isinstance(error, OutcomeUnknown))
    assert call.calls == 1


def test_a_sleep_that_raises_ends_it() -> None:
    class Stop(Exception):
        pass

    def sleep(_: float) -> None:
        raise Stop

    with pytest.raises(Stop):
        retry(Failing(TransientError("no")), RetryPolicy(sleep=sleep), what="it")


def test_each_delay_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    retry(Failing(TransientError("reset by peer")), policy(Clock(), first_delay=1), what="put 'a'")
    assert "put 'a' failed (try 1), again in 1.00 s: reset by peer" in caplog.text
