"""The queue of transfers: owners take turns, each owner's items keep their order."""

import itertools
import threading
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wabucketref.service.fairqueue import FairQueue


def taken(queue: FairQueue[tuple[str, int]], count: int | None = None) -> list[tuple[str, int]]:
    found = []
    for _ in range(len(queue) if count is None else count):
        item = queue.take()
        assert item is not None
        found.append(item)
    return found


def test_who_comes_later_waits_for_one_item_of_each_other_not_for_all() -> None:
    queue: FairQueue[tuple[str, int]] = FairQueue()
    for number in range(1000):
        queue.put("long", ("long", number))
    assert taken(queue, 3) == [("long", 0), ("long", 1), ("long", 2)]
    queue.put("late", ("late", 0))
    queue.put("later", ("later", 0))
    queue.put("late", ("late", 1))
    assert taken(queue, 6) == [("long", 3), ("late", 0), ("later", 0), ("long", 4), ("late", 1), ("long", 5)]


def test_who_has_nothing_waiting_takes_no_turn() -> None:
    queue: FairQueue[tuple[str, int]] = FairQueue()
    queue.put("a", ("a", 0))
    assert taken(queue) == [("a", 0)]
    queue.put("b", ("b", 0))
    queue.put("a", ("a", 1))
    assert taken(queue) == [("b", 0), ("a", 1)]
    assert len(queue) == 0


@given(st.lists(st.sampled_from("abcd"), max_size=60))
def test_each_owner_keeps_its_order_and_nobody_is_passed_twice(owners: list[str]) -> None:
    queue: FairQueue[tuple[str, int]] = FairQueue()
    counts: dict[str, int] = defaultdict(int)
    for owner in owners:
        queue.put(owner, (owner, counts[owner]))
        counts[owner] += 1
    found = taken(queue)
    assert sorted(found) == sorted((owner, number) for owner, count in counts.items() for number in range(count))
    for owner, count in counts.items():
        places = [place for place, (one, _) in enumerate(found) if one == owner]
        assert [found[place][1] for place in places] == list(range(count))
        for before, after in itertools.pairwise(places):
            between = [one for one, _ in found[before + 1 : after]]
            assert len(between) == len(set(between)), "between two items of one owner each other has one turn"


def test_a_taker_waits_for_an_item_and_goes_when_closed() -> None:
    queue: FairQueue[str] = FairQueue()
    found: list[str | None] = []
    thread = threading.Thread(target=lambda: found.extend([queue.take(), queue.take()]))
    thread.start()
    queue.put("a", "one")
    queue.close()
    thread.join(5)
    assert found == ["one", None]


def test_closing_loses_nothing() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.put("a", "one")
    queue.close()
    queue.put("b", "two")
    assert [queue.take(), queue.take(), queue.take()] == ["one", "two", None]


@pytest.mark.parametrize("takers", [1, 4])
def test_many_threads_lose_and_double_nothing(takers: int) -> None:
    queue: FairQueue[int] = FairQueue()
    found: list[int] = []

    def take() -> None:
        while (item := queue.take()) is not None:
            found.append(item)

    def put(owner: int) -> None:
        for number in range(200):
            queue.put(owner, owner * 1000 + number)

    readers = [threading.Thread(target=take) for _ in range(takers)]
    writers = [threading.Thread(target=put, args=(owner,)) for owner in range(4)]
    for thread in readers + writers:
        thread.start()
    for thread in writers:
        thread.join(10)
    queue.close()
    for thread in readers:
        thread.join(10)
    assert sorted(found) == [owner * 1000 + number for owner in range(4) for number in range(200)]
