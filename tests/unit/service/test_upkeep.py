"""When the background service gives memory back, and that it does."""

import gc
import os
import subprocess
import sys
import weakref

import pytest

from wabucketref.service.remote.upkeep import Upkeep


class Clock:
    """Stands still until it is told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Knot:
    """Refers to itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def upkeep(clock: Clock) -> Upkeep:
    return Upkeep(clock)


def test_a_service_that_nobody_used_is_left_alone(upkeep: Upkeep, clock: Clock) -> None:
    clock.now += 3600
    assert not upkeep.is_due(busy=False)


def test_it_is_due_once_the_service_rests_and_then_not_again(upkeep: Upkeep, clock: Clock) -> None:
    clock.now += 20
    assert not upkeep.is_due(busy=True)
    assert not upkeep.is_due(busy=False), "the next command may come at once"
    clock.now += 1
    assert upkeep.is_due(busy=False)
    upkeep.do(busy=False)
    clock.now += 3600
    assert not upkeep.is_due(busy=False)


def test_short_rests_are_not_all_used(upkeep: Upkeep, clock: Clock) -> None:
    due = 0
    for _ in range(60):
        clock.now += 0.5
        upkeep.is_due(busy=True)
        clock.now += 1.5
        if upkeep.is_due(busy=False):
            due += 1
            upkeep.do(busy=False)
    assert 120 / 12 - 1 <= due <= 120 / 10


def test_it_is_due_every_minute_of_long_work(upkeep: Upkeep, clock: Clock) -> None:
    due = []
    for _ in range(200):
        clock.now += 1
        if upkeep.is_due(busy=True):
            due.append(clock.now)
            upkeep.do(busy=True)
    assert due == [160, 220, 280]
    clock.now += 10
    assert upkeep.is_due(busy=False), "and once that has ended"


def test_circles_are_looked_for_at_rest_only(upkeep: Upkeep) -> None:
    gc.collect()
    gc.disable()
    try:
        knot = weakref.ref(Knot())
        upkeep.do(busy=True)
        assert knot() is not None
        upkeep.do(busy=False)
        assert knot() is None
    finally:
        gc.enable()


_SCATTERED = """
import os
from wabucketref.service.remote.upkeep import Upkeep, few_arenas

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20

few_arenas()
before = resident()
parts = [(b"x" * 60_000, b"y" * 1_000) for _ in range(1_500)]
kept = [small for _, small in parts]
del parts
worked = resident()
Upkeep().do(busy=False)
print(worked - before, resident() - before)
"""


@pytest.mark.skipif("CS_GNU_LIBC_VERSION" not in os.confstr_names, reason="not the GNU C library")
def test_what_is_free_between_what_lives_goes_back_to_the_system() -> None:
    ended = subprocess.run([sys.executable, "-c", _SCATTERED], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    worked, after = map(int, ended.stdout.split())
    assert worked >= 70, "else it was given back by itself, and this tests nothing"
    assert after <= 20  # a page or two around each of those that live
