"""How many requests are wanted at once: over networks and with servers that are only reckoned."""

import heapq

import pytest

from wabucketref.store.native.width import FIRST, Width


class Network:
    """One thread that spends `cost` on a request, and a server that answers after `latency`, so many a second."""

    def __init__(self, most: int, cost: float, latency: float, rate: float = 1e9) -> None:
        self.now = self.used = 0.0
        self.cost, self.latency, self.rate = cost, latency, rate
        self.width = Width(most, clock=lambda: self.now, spent=lambda: self.used, busy=lambda: self.used)
        self._free = 0.0
        """When the server has answered what it has."""
        self._flying: list[tuple[float, float, int]] = []

    def run(self, requests: int, size: int = 4096) -> list[int]:
        """How many were under way when each answer came."""
        widths, sent = [], 0
        while len(widths) < requests:
            while len(self._flying) < self.width.wanted and sent < requests:
                self._work(self.cost / 2)
                self._free = max(self._free, self.now) + 1 / self.rate
                heapq.heappush(self._flying, (max(self.now + self.latency, self._free), self.now, size))
                sent += 1
            due, begun, large = heapq.heappop(self._flying)
            widths.append(len(self._flying) + 1)
            self.now = max(self.now, due)
            self._work(self.cost / 2)
            self.width.landed(large, self.now - begun)
        return widths

    def _work(self, seconds: float) -> None:
        self.now += seconds
        self.used += seconds


def test_where_each_answer_takes_its_time_all_are_under_way_from_the_first() -> None:
    far = Network(112, cost=150e-6, latency=0.02)
    far.width.expect(0.02)
    widths = far.run(3000)
    assert min(widths[:2500]) == 112
    assert far.now < 3000 * 0.02 / 112 * 1.1


def test_without_knowing_the_network_it_takes_one_look() -> None:
    far = Network(112, cost=150e-6, latency=0.02)
    widths = far.run(1000)
    assert max(widths[:FIRST]) <= FIRST
    assert widths[3 * FIRST] == 112


def test_on_a_loopback_a_few_are_enough() -> None:
    near = Network(112, cost=150e-6, latency=250e-6)
    near.width.expect(250e-6)
    assert max(near.run(3000)) <= FIRST
    assert near.used > 0.9 * near.now, "and the processor does not wait"


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("latency", [0.001, 0.02])
def test_a_server_that_can_do_no_more_is_not_asked_for_more(latency: float, known: bool) -> None:
    busy = Network(112, cost=150e-6, latency=latency, rate=400)
    if known:
        busy.width.expect(latency)
    widths = busy.run(4000)
    assert sum(width <= 40 for width in widths) > 3000
    assert busy.now < 4000 / 400 * 1.1, "and it loses nothing by that"


def test_a_way_that_becomes_longer_is_no_crowd() -> None:
    road = Network(112, cost=150e-6, latency=0.005)
    road.run(2000)
    road.latency = 0.1
    assert sum(road.run(5000)[-2000:]) > 100 * 2000


def test_a_moment_in_which_all_is_slow_is_over_soon() -> None:
    road = Network(112, cost=150e-6, latency=0.02)
    road.run(2000)
    road.rate = 200
    road.run(400)
    road.rate = 1e9
    assert sum(road.run(4000)[-1500:]) > 100 * 1500


def test_large_answers_that_take_longer_are_no_crowd() -> None:
    road = Network(64, cost=150e-6, latency=0.01)
    road.run(1000, size=300)
    road.latency = 0.05
    assert min(road.run(2000, size=60_000)[200:-100]) == 64


def test_what_was_learnt_helps_the_next() -> None:
    far = Network(112, cost=150e-6, latency=0.02)
    far.run(1000)
    assert far.width.again(200).wanted == 112
    assert far.width.again(50).wanted == 50
    far.width.expect(0.001)
    assert far.width.wanted == 112, "what one request seemed to take says no more"
