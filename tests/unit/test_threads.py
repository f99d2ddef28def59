"""Threads where the system may refuse them."""

import threading
from collections.abc import Iterator

import pytest

from wabucketref.errors import LocalIOError
from wabucketref.threads import Beside, Pool, start


class Machine:
    """Starts so many threads more."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 0
        self._start = threading.Thread.start
        machine = self

        def limited(thread: threading.Thread) -> None:
            if machine.left <= 0:
                raise RuntimeError("can't start new thread")
            machine.left -= 1
            machine._start(thread)

        monkeypatch.setattr(threading.Thread, "start", limited)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    return Machine(monkeypatch)


@pytest.mark.row("K9")
def test_a_thread_that_is_refused(machine: Machine) -> None:
    with pytest.raises(LocalIOError, match="refuses") as caught:
        start(threading.Thread(target=print))
    assert caught.value.exit_code == 5
    assert "ulimit -u" in (caught.value.hint or "")


@pytest.mark.row("K9")
@pytest.mark.parametrize("threads", [0, 1, 2, 9])
def test_a_pool_makes_do(machine: Machine, threads: int) -> None:
    machine.left = threads
    done: list[int] = []

    def work(number: int) -> int:
        done.append(number)
        if number == 7:
            raise KeyError(number)
        return number * 2

    with Pool(4) as pool:
        futures = [pool.submit(work, number) for number in range(50)]
        results = [future.result() for number, future in enumerate(futures) if number != 7]
        with pytest.raises(KeyError):
            futures[7].result()
    assert results == [number * 2 for number in range(50) if number != 7]
    assert sorted(done) == list(range(50)), "each once"


@pytest.mark.row("K9")
def test_work_that_gives_work_to_another_pool(machine: Machine) -> None:
    with Pool(2) as outer, Pool(2) as inner:
        assert outer.submit(lambda: inner.submit(lambda: 3).result() + 1).result() == 4


def test_a_pool_that_is_over_takes_nothing() -> None:
    pool = Pool(2)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="shutdown"):
        pool.submit(print)


def test_work_that_is_cancelled_is_not_done() -> None:
    gate, done = threading.Event(), []
    with Pool(1) as pool:
        pool.submit(gate.wait, 10)
        waiting = pool.submit(done.append, 1)
        assert waiting.cancel()
        gate.set()
    assert (done, waiting.cancelled()) == ([], True)


def test_beside_goes_on_while_the_block_does_and_is_done_after_it() -> None:
    met = threading.Barrier(2)
    with Beside(lambda: met.wait(10)) as beside:
        here = met.wait(10)
    assert {here, beside.result()} == {0, 1}


def test_what_fails_beside_is_raised_where_it_is_asked_for_alone() -> None:
    with Beside(lambda: 1 // 0) as beside:
        pass
    with pytest.raises(ZeroDivisionError):
        beside.result()


@pytest.mark.row("K9")
def test_without_another_thread_it_is_done_at_the_end_of_the_block(machine: Machine) -> None:
    done: list[int] = []
    with Beside(lambda: done.append(1)) as beside:
        assert not done
    beside.result()
    assert done == [1]
