"""What the wrappers do with many requests at a time."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice
from typing import Any, cast

import pytest

from tests.unit.store.manystore import ManyMemory
from wabucketref.conformance import storage_many
from wabucketref.conformance.storage import StorageChecks
from wabucketref.contracts.many import Copy, Many, Put, Read
from wabucketref.contracts.storage import Capabilities, ObjectInfo, Storage
from wabucketref.errors import AlreadyExists, OutcomeUnknown, TransientError, Unsupported, WrittenWrong
from wabucketref.retry import RetryPolicy
from wabucketref.store.wrappers.declared import Declared
from wabucketref.store.wrappers.faulty import Fault, Faulty
from wabucketref.store.wrappers.limited import Limited
from wabucketref.store.wrappers.logged import Logged
from wabucketref.store.wrappers.retrying import Retrying
from wabucketref.testing.storage import StorageConformance


@pytest.fixture
def memory(request: pytest.FixtureRequest) -> ManyMemory:
    return ManyMemory(f"many-{id(request)}")


def slow_down(after: float | None = None) -> TransientError:
    error = TransientError("503 SlowDown")
    error.throttled, error.retry_after = True, after
    return error


def puts(number: int) -> Iterator[Put]:
    return (Put(f"{n:03}", b"%d" % n) for n in range(number))


def put_all(storage: Storage, asked: Iterator[Put], width: int = 4) -> list[tuple[Put, Any]]:
    return list(cast(Many, storage).put_many(asked, width, lambda: None))


def test_places_are_taken_and_given_back_however_it_ends(memory: ManyMemory) -> None:
    limited = Limited(memory, 8)

    def broken() -> Iterator[Put]:
        yield Put("a", b"")
        raise KeyError

    for _ in range(3):
        assert len(put_all(limited, puts(20), 6)) == 20
        with closing(cast(Any, limited.put_many(puts(20), 6, lambda: None))) as early:
            next(early)
        with pytest.raises(KeyError):
            put_all(limited, broken())
    assert limited._running == 0
    assert memory.most == 6
    assert len(put_all(limited, puts(100), 100)) == 100
    assert memory.most == 8, "no more than there are places"


@pytest.mark.row("O9")
def test_asked_to_slow_down_it_goes_no_further_and_later_grows_back(memory: ManyMemory) -> None:
    memory.fails["005"] = slow_down()
    limited = Limited(memory, 16)
    asked = puts(100)
    came = put_all(limited, asked, 4)
    assert [type(outcome) for put, outcome in came if put.key == "005"] == [TransientError]
    assert len(came) + len(list(asked)) == 100
    assert len(came) < 15
    assert limited.bound == 8
    memory.fails.clear()
    put_all(limited, puts(200), 4)
    assert limited.bound == 16


@pytest.mark.parametrize("concurrency", [1, 2, 16])
def test_who_waits_for_a_place_gets_one_before_many_have_ended(memory: ManyMemory, concurrency: int) -> None:
    """The claim of an upload is renewed meanwhile, or it would be lost."""
    limited, asked = Limited(memory, concurrency), 0
    beside = [threading.Thread(target=limited.head, args=("a",), daemon=True) for _ in range(3)]

    def watched() -> Iterator[Put]:
        nonlocal asked
        for put in puts(10_000):
            asked += 1
            if asked == 100:
                for thread in beside:
                    thread.start()
                while limited._waiting < 3:
                    threading.Event().wait(0.001)
            if asked > 100 and not any(thread.is_alive() for thread in beside):
                return
            threading.Event().wait(0.0001 if asked > 100 else 0)
            yield put

    many = limited.put_many(watched(), concurrency, lambda: None)
    for _ in many:
        pass
    assert asked < 2000
    for thread in beside:
        thread.join(5)
        assert not thread.is_alive()


@pytest.mark.parametrize("concurrency", [1, 2])
def test_whoever_says_what_to_do_may_ask_the_store(memory: ManyMemory, concurrency: int) -> None:
    limited = Limited(memory, concurrency)

    def looking() -> Iterator[Put]:
        for put in puts(10):
            assert limited.head(put.key) is None
            yield put

    done: list[Any] = []
    thread = threading.Thread(target=lambda: done.extend(put_all(limited, looking(), concurrency)), daemon=True)
    thread.start()
    thread.join(5)
    assert len(done) == 10, "it waits for itself"


def test_two_threads_with_many_each_share_the_places(memory: ManyMemory) -> None:
    limited, done = Limited(memory, 8), []
    threads = [
        threading.Thread(target=lambda: done.append(len(put_all(limited, puts(300), 6))), daemon=True) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert done == [300] * 4
    assert limited._running == 0


def test_the_log_has_one_line_for_each_of_many(memory: ManyMemory, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "wabucketref.storage")
    memory.fails["001"] = TransientError("busy")
    logged = Logged(memory)
    put_all(logged, puts(3))
    list(logged.read_many(iter([Read("000", 9), Read("none", 9)]), 2, lambda: None))
    list(logged.copy_many(iter([Copy("copy", ObjectInfo("000", 1))]), 2, lambda: None))
    lines = [(line.method, line.key, line.bytes, line.outcome) for line in cast(Any, caplog.records)]
    assert lines[:4] == [
        ("put", "000", 1, "ok"),
        ("put", "001", 1, "transient: busy"),
        ("put", "002", 1, "ok"),
        ("read", "000", 0, "ok"),
    ]
    assert [(method, key) for method, key, _, _ in lines[4:]] == [("read", "none"), ("copy", "copy")]


def test_the_first_failure_counts(memory: ManyMemory) -> None:
    slept: list[float] = []
    policy = RetryPolicy(attempts=3, sleep=slept.append, rng=lambda: 1.0)
    faulty = Faulty(memory, [Fault("*", times=99, error=TransientError("busy"))])
    retrying = Retrying(faulty, policy)
    for again in (
        lambda: retrying.put_again(Put("a", b""), slow_down(7)),
        lambda: retrying.read_again(Read("a", 1), slow_down(7)),
        lambda: retrying.copy_again(Copy("b", ObjectInfo("a", 1)), slow_down(7)),
    ):
        faulty.calls.clear()
        slept.clear()
        with pytest.raises(TransientError, match="gave up after 3 tries"):
            again()
        assert len(faulty.calls) == 2
        assert slept == [7, 0.4], "as long as was asked for"


def test_what_is_final_is_not_tried_again(memory: ManyMemory) -> None:
    faulty = Faulty(memory, [])
    retrying = Retrying(faulty, RetryPolicy(sleep=lambda _: None))
    for error in (AlreadyExists("there"), OutcomeUnknown("lost")):
        with pytest.raises(type(error)):
            retrying.put_again(Put("a", b"", if_absent=True), error)
    assert faulty.calls == []
    wrong = WrittenWrong("other bytes")
    wrong.etag = memory.put("a", b"damaged").etag
    retrying.put_again(Put("a", b"right", if_absent=True), wrong)
    assert memory.read("a", limit=9)[0] == b"right"


def test_scripted_faults_meet_each_of_many(memory: ManyMemory) -> None:
    faulty = Faulty(
        memory, [Fault("put", "001", error=TransientError("busy")), Fault("read", nth=2, action=lambda _: None)]
    )
    came = put_all(Retrying(Limited(faulty, 4), RetryPolicy(sleep=lambda _: None)), puts(3))
    assert [type(outcome) for _, outcome in came] == [ObjectInfo, TransientError, ObjectInfo]
    list(faulty.read_many(iter([Read("000", 9), Read("002", 9)]), 2, lambda: None))
    assert [(call.method, call.key) for call in faulty.calls] == [
        ("put", "000"),
        ("put", "001"),
        ("put", "002"),
        ("read", "000"),
        ("read", "002"),
    ]
    faulty.assert_all_hit()


def test_what_is_not_declared_is_refused(memory: ManyMemory) -> None:
    weak = Declared(memory, Capabilities(many=True))
    with pytest.raises(Unsupported):
        put_all(weak, iter([Put("a", b"", if_absent=True)]))
    with pytest.raises(Unsupported):
        list(weak.copy_many(iter([Copy("b", ObjectInfo("a", 1), if_absent=True)]), 2, lambda: None))
    none = Declared(memory, Capabilities())
    for refused in (
        lambda: none.put_many(puts(1), 1, lambda: None),
        lambda: none.read_many(iter([Read("a", 1)]), 1, lambda: None),
        lambda: none.copy_many(iter([]), 1, lambda: None),
    ):
        with pytest.raises(Unsupported):
            refused()
    assert memory.head("a") is None


class TestManyConformance(StorageConformance):
    """The whole stack, over a store that takes many at a time."""

    @pytest.fixture
    def open_store(self, memory: ManyMemory) -> Callable[[], Storage]:
        return lambda: Logged(Retrying(Limited(memory, 8), RetryPolicy(attempts=1)))


class Losing(ManyMemory):
    """Breaks each promise in its own way."""

    def put_many(self, puts: Iterator[Put], width: int, check: Callable[[], None]) -> Iterator[Any]:
        return islice(super().put_many(puts, 50 * width, check), 9)

    def read_many(self, reads: Iterator[Read], width: int, check: Callable[[], None]) -> Iterator[Any]:
        for read, outcome in super().read_many(reads, width, check):
            yield read, outcome if isinstance(outcome, Exception) else (outcome[0].upper() + b"!", outcome[1])


def test_the_kit_finds_what_is_broken() -> None:
    results = [StorageChecks(lambda: Losing("losing")).run(check) for check in storage_many.CHECKS]
    assert {result.name for result in results if result.state == "broken"} == {
        "many_puts",
        "many_reads",
        "many_creates",
        "many_no_more_than_asked",
        "many_left_early",
    }
