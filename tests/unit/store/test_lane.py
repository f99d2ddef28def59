"""The threads of a transfer: order, failures, large files beside small ones, and how many at once."""

import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, cast

import pytest

from tests.unit.store.support import IMPATIENT, SMALL
from wabucketref.contracts.progress import SilentProgress
from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import Interrupted, LocalIOError
from wabucketref.store.cache.known import KnownDigests
from wabucketref.store.engine import lane as module
from wabucketref.store.engine.climb import FIRST, Climb
from wabucketref.store.engine.limits import Budget
from wabucketref.store.engine.pool import Crew
from wabucketref.store.format.digest import digest_of
from wabucketref.store.sending.digests import SourceDigests
from wabucketref.store.source.read import Source
from wabucketref.store.source.tree import Found

LARGE = SMALL.multipart_threshold + 1


@dataclass(frozen=True)
class Item:
    number: int
    size: int = 1


def crew(cancel: Cancel | None = None, concurrency: int = 4) -> Crew:
    limits = replace(SMALL, concurrency=concurrency)
    return Crew(limits, Budget(1 << 20), cancel or Cancel(), SilentProgress(), IMPATIENT)


def test_results_come_in_order_however_they_end() -> None:
    second = threading.Event()

    def work(item: Item) -> tuple[int, bool]:
        if item.number:
            second.set()
            return item.number, True
        return item.number, second.wait(5)

    with crew() as four:
        assert list(four.in_order(work, map(Item, range(4)))) == [(number, True) for number in range(4)]


def test_one_at_a_time_is_done_by_the_caller_in_order() -> None:
    done: list[tuple[int, threading.Thread]] = []
    with crew(concurrency=1) as one:
        list(one.in_order(lambda item: done.append((item.number, threading.current_thread())), map(Item, range(100))))
    assert done == [(number, threading.current_thread()) for number in range(100)]


def test_large_files_alone_are_under_way_together() -> None:
    met = threading.Barrier(2)
    large = [Item(number, LARGE) for number in range(4)]
    with crew() as four:
        list(four.in_order(lambda item: met.wait(5), large, large))


def test_no_more_are_taken_ahead_than_the_window() -> None:
    taken: list[int] = []

    def items() -> Iterator[Item]:
        for number in range(100):
            taken.append(number)
            yield Item(number)

    with crew() as four:
        results = four.in_order(lambda item: item.number, items(), window=10)
        for expected in range(100):
            assert next(results) == expected
            assert len(taken) <= expected + 11


def test_the_first_failure_stops_all_and_nothing_runs_any_more() -> None:
    running: set[int] = set()
    begun: list[int] = []

    def work(item: Item) -> int:
        running.add(item.number)
        begun.append(item.number)
        try:
            if item.number == 5:
                raise KeyError(item.number)
            return item.number
        finally:
            running.discard(item.number)

    with crew() as four:
        with pytest.raises(KeyError):
            list(four.in_order(work, map(Item, range(10_000))))
        assert not running
        assert len(begun) < 10_000
        four.begin_anew()
        assert list(four.in_order(lambda item: item.number, map(Item, range(3)))) == [0, 1, 2]


def test_a_stop_ends_it() -> None:
    cancel = Cancel()

    def work(item: Item) -> None:
        if item.number == 3:
            cancel.set(Interrupted("stop"))

    with crew(cancel) as four, pytest.raises(Interrupted):
        list(four.in_order(work, map(Item, range(10_000))))


def test_large_files_begin_first_and_small_ones_fill_the_gaps() -> None:
    """With small files left, a few large ones are under way at once; the results stay in order."""
    items = [Item(number, LARGE if number % 10 == 9 else 1) for number in range(100)]
    early = sorted((item for item in items if item.size == LARGE), key=lambda item: -item.number)
    lock, large, most, begun = threading.Lock(), 0, 0, []

    def work(item: Item) -> int:
        nonlocal large, most
        with lock:
            begun.append(item.number)
            large += item.size == LARGE
            most = max(most, large)
        with lock:
            large -= item.size == LARGE
        return item.number

    with crew(concurrency=8) as eight:
        assert list(eight.in_order(work, items, early)) == list(range(100))
    assert sorted(begun) == list(range(100)), "each once"
    assert begun[0] == 99
    assert most <= module._LARGE_AT_ONCE


def test_small_files_go_on_beside_large_ones_however_few_threads_there_are() -> None:
    small, late = threading.Event(), []

    def work(item: Item) -> None:
        if item.size == LARGE:
            late.append(not small.wait(5))
        else:
            small.set()

    large = [Item(number, LARGE) for number in range(4)]
    with crew(concurrency=2) as two:
        list(two.in_order(work, [*large, Item(9)], large))
    assert late == [False] * 4


@pytest.mark.row("K9")
@pytest.mark.parametrize("threads", [0, 1, 3])
def test_it_makes_do_with_the_threads_there_are(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    left = threads

    def limited(thread: threading.Thread) -> None:
        nonlocal left
        if not left:
            raise LocalIOError("no thread")
        left -= 1
        thread.start()

    monkeypatch.setattr(module, "start", limited)
    with crew() as four:
        assert list(four.in_order(lambda item: item.number, map(Item, range(500)))) == list(range(500))


def test_no_threads_stay() -> None:
    with crew() as four:
        list(four.in_order(lambda item: item.number, map(Item, range(100))))
    assert not [thread for thread in threading.enumerate() if thread.name == "wabucket-file"]


class Link:
    """Something whose throughput is known: so many items a second for each of at most `useful` at once."""

    def __init__(self, useful: int, busy: float, most: int = 128) -> None:
        self.now = self.used = 0.0
        self.useful = useful
        self.busy = busy
        self.climb = Climb(most, clock=lambda: self.now, busy=lambda: self.used)

    def run(self, items: int) -> int:
        for _ in range(items):
            seconds = 0.02 / min(self.climb.wanted, self.useful)
            self.now += seconds
            self.used += seconds * self.busy
            self.climb.moved(0)
        return self.climb.wanted


def test_more_at_once_while_that_moves_more() -> None:
    assert Link(useful=1000, busy=0.1).run(1000) == 128
    assert Link(useful=1000, busy=0.1, most=20).run(1000) == 20


def test_no_more_than_help() -> None:
    assert Link(useful=32, busy=0.1).run(3000) in (32, 128)
    assert Link(useful=1, busy=0.1).run(40) in (FIRST, 4 * FIRST)
    settled = Link(useful=32, busy=0.1)
    assert [settled.run(128) for _ in range(100)].count(32) > 50


def test_a_link_of_long_ways_is_filled_at_once() -> None:
    """After three round trips of 20 ms as many are under way as may be."""
    link = Link(useful=1000, busy=0.01)
    while link.climb.wanted < 128:
        link.run(1)
    assert link.now < 0.15


class Handshakes(Link):
    """What goes over a new connection comes so many seconds late."""

    def __init__(self, seconds: float) -> None:
        super().__init__(useful=2, busy=0.05)
        self._seconds = seconds
        self._opening = list[tuple[float, int]]()

    def run(self, items: int) -> int:
        for _ in range(items):
            if self.climb.wanted > max([self.useful, *(width for _, width in self._opening)]):
                self._opening.append((self.now + self._seconds, self.climb.wanted))
            while self._opening and self._opening[0][0] <= self.now:
                self.useful = self._opening.pop(0)[1]
            super().run(1)
        return self.climb.wanted


@pytest.mark.parametrize("handshake", [0.0, 0.03, 0.06])
def test_connections_that_are_slow_to_come_are_no_step_that_brings_nothing(handshake: float) -> None:
    link = Handshakes(handshake)
    while link.climb.wanted < 128:
        link.run(1)
        assert link.now < 1


def test_no_more_than_the_processor_feeds() -> None:
    assert Link(useful=1000, busy=1.0).run(5000) == FIRST


def test_another_program_at_the_processor_is_no_network() -> None:
    """Half of the processor is somebody else's, so this process has half of it, however many are at once."""
    link = Link(useful=3, busy=0.5)
    assert max(link.run(8) for _ in range(500)) <= 4 * FIRST
    assert sum(link.run(8) for _ in range(500)) / 500 < 4


def test_never_less_than_one() -> None:
    link = Link(useful=1, busy=0.1, most=1)
    assert link.run(2000) == 1


class InPairs:
    """Does odd numbers together, two at a time and the later one first; of these it declines those that end in 5."""

    def __init__(self, most: int = 1 << 30) -> None:
        self.threads: set[threading.Thread] = set()
        self._left = most

    def takes(self, item: Item) -> bool:
        return bool(item.number % 2)

    def run(self, items: Iterator[Item]) -> Generator[tuple[Item, str | None]]:
        self.threads.add(threading.current_thread())
        while self._left and (pair := list(islice(items, 2))):
            self._left -= 1
            for item in reversed(pair):
                yield item, None if item.number % 10 == 5 else f"together {item.number}"


def expected(number: int) -> str:
    return f"alone {number}" if number % 2 == 0 or number % 10 == 5 else f"together {number}"


@pytest.mark.parametrize("window", [1, 3, 40, 1000])
def test_what_is_done_together_comes_in_order_with_the_rest(window: int) -> None:
    pairs = InPairs()
    with crew() as four:
        results = four.in_order(lambda item: f"alone {item.number}", map(Item, range(200)), (), window, pairs)
        assert list(results) == [expected(number) for number in range(200)]
    assert pairs.threads == {threading.current_thread()}


def test_what_was_not_asked_for_together_is_done_by_itself() -> None:
    with crew() as four:
        results = list(
            four.in_order(lambda item: f"alone {item.number}", map(Item, range(40)), together=InPairs(most=2))
        )
    assert [result for result in results if result.startswith("together")] == [f"together {n}" for n in (1, 3, 7)]
    assert len(results) == 40


def test_one_at_a_time_nothing_is_done_together() -> None:
    pairs, done = InPairs(), list[int]()
    with crew(concurrency=1) as one:
        list(one.in_order(lambda item: done.append(item.number), map(Item, range(20)), together=cast(Any, pairs)))
    assert done == list(range(20)), "in order of path"
    assert not pairs.threads


def test_what_was_asked_for_and_not_told_is_done_by_itself() -> None:
    class Forgetful(InPairs):
        def run(self, items: Iterator[Item]) -> Generator[tuple[Item, str | None]]:
            return ((item, outcome) for item, outcome in super().run(items) if item.number % 7)

    with crew() as four:
        results = list(four.in_order(lambda item: f"alone {item.number}", map(Item, range(40)), together=Forgetful()))
    assert results == [expected(n) if n % 7 else f"alone {n}" for n in range(40)]


def test_a_failure_of_what_is_done_together_stops_all() -> None:
    class Failing(InPairs):
        def run(self, items: Iterator[Item]) -> Generator[tuple[Item, str | None]]:
            yield next(items), "one"
            raise LocalIOError("the disk is gone")

    with crew() as four:
        with pytest.raises(LocalIOError, match="gone"):
            list(four.in_order(lambda item: "alone", map(Item, range(40)), together=Failing()))
        four.begin_anew()
        assert list(four.in_order(lambda item: item.number, map(Item, range(3)))) == [0, 1, 2]


def test_a_failure_elsewhere_stops_what_is_done_together() -> None:
    failed = threading.Event()

    def work(item: Item) -> str:
        failed.set()
        raise LocalIOError("the disk is gone")

    class Waiting(InPairs):
        def run(self, items: Iterator[Item]) -> Generator[tuple[Item, str | None]]:
            for item in items:
                failed.wait(5)
                yield item, "together"

    with crew() as four, pytest.raises(LocalIOError, match="gone"):
        list(four.in_order(work, map(Item, range(1000)), together=Waiting()))


def test_a_small_file_is_hashed_though_all_memory_is_given_out(tmp_path: Path) -> None:
    """Who has many of them under way holds memory for these, and would wait for itself."""
    (tmp_path / "a").write_bytes(b"alpha")
    facts = (tmp_path / "a").stat()
    times = (facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, facts.st_dev)
    found = Found("a", "a", facts.st_size, *times)

    class GivenOut(Budget):
        def acquire(self, size: int, check: object) -> int:
            raise AssertionError("it waits")

    with crew() as four, Source(str(tmp_path)) as source:
        four.budget = GivenOut(1)
        assert SourceDigests(source, four, KnownDigests(None, "")).of(found) == digest_of(b"alpha")
