"""What every executor must do, by ``contracts/executor.py``; capabilities are tested both ways. Free of pytest."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from wabucketref.conformance.executor_work import Task, break_down, die, die_once, note, refuse
from wabucketref.conformance.results import CheckResult, NotApplicable, expect, must, race, run_check, same
from wabucketref.contracts.executor import Executor
from wabucketref.errors import IntegrityError, Interrupted, TransientError

OpenExecutor = Callable[[], Executor]


@dataclass(frozen=True, slots=True)
class ExecutorBench:
    """An executor, and a directory that its workers share, empty at first."""

    executor: Executor
    directory: Path

    def task(self, number: int, seconds: float = 0.0) -> Task:
        return Task(number, str(self.directory), seconds)

    def times(self, number: int) -> int:
        """How often a piece was carried out."""
        trace = self.directory / f"done-{number}"
        return len(trace.read_text().splitlines()) if trace.exists() else 0


def check_results(bench: ExecutorBench) -> None:
    """Each of many pieces from many threads is carried out, once, and its own result comes back."""
    calls = [partial(bench.executor.run, note, bench.task(number), _go_on) for number in range(12)]
    for number, outcome in enumerate(race(calls)):
        if isinstance(outcome, Exception):
            raise outcome
        same(outcome[0], number, "number of the result")
        same(bench.times(number), 1, f"times that piece {number} was carried out")


def check_where(bench: ExecutorBench) -> None:
    """Pieces are carried out in other processes, or in this one, as the capability says."""
    _, process = bench.executor.run(note, bench.task(0), _go_on)
    same(process != os.getpid(), bench.executor.capabilities.remote, "carried out in another process")


def check_errors(bench: ExecutorBench) -> None:
    """An error of ours arrives as it was raised, with hint; another one arrives too, and the executor goes on."""
    try:
        bench.executor.run(refuse, bench.task(1), _go_on)
    except IntegrityError as error:
        same((error.message, error.hint, error.exit_code), ("piece 1 is damaged", "mend it", 7), "the error")
    else:
        must(False, "an error of the work was lost")
    try:
        bench.executor.run(break_down, bench.task(2), _go_on)
    except Exception as error:
        must("piece 2" in str(error), f"the error says nothing of its cause: {error}")
    else:
        must(False, "an error of the work was lost")
    same(bench.executor.run(note, bench.task(3), _go_on)[0], 3, "the piece after")


def check_stop(bench: ExecutorBench) -> None:
    """What `check` raises ends the wait soon, and comes through; a piece that did not begin is not begun."""

    def stop() -> None:
        raise Interrupted("stopped")

    started = time.monotonic()
    with expect(Interrupted, doing="run whose check raises"):
        bench.executor.run(note, bench.task(0, seconds=5), stop)
    must(time.monotonic() - started < 4, "it waited for the piece all the same")


def check_lost_worker(bench: ExecutorBench) -> None:
    """A piece whose worker dies is carried out again, or is a transient failure, as the capability says."""
    able = bench.executor.capabilities
    if not able.remote:
        raise NotApplicable("it has no workers to lose")
    if not able.survives_lost_workers:
        with expect(TransientError, doing="a piece whose worker dies"):
            bench.executor.run(die, bench.task(0), _go_on)
        return
    same(bench.executor.run(die_once, bench.task(1), _go_on)[0], 1, "a piece whose first worker died")
    same(bench.times(1), 1, "times that it was carried out to its end")


def check_hopeless_piece(bench: ExecutorBench) -> None:
    """A piece that kills every worker is a transient failure after some, and the executor goes on."""
    if not bench.executor.capabilities.remote:
        raise NotApplicable("it has no workers to lose")
    with expect(TransientError, doing="a piece that kills every worker"):
        bench.executor.run(die, bench.task(0), _go_on)
    tries = len((bench.directory / "died-0").read_text())
    must(tries <= 10, f"it was tried {tries} times")
    same(bench.executor.run(note, bench.task(1), _go_on)[0], 1, "the piece after")


def check_close(bench: ExecutorBench) -> None:
    """Closing may be called more than once."""
    bench.executor.close()
    bench.executor.close()


def _go_on() -> None:
    """Nobody asked to stop."""


Check = Callable[[ExecutorBench], None]
CHECKS: Final[Sequence[Check]] = (
    check_results,
    check_where,
    check_errors,
    check_stop,
    check_lost_worker,
    check_hopeless_piece,
    check_close,
)


def run_executor_check(open_executor: OpenExecutor, check: Check, directory: Path) -> CheckResult:
    """One check on an executor of its own, in an empty `directory` that its workers share."""

    def carry_out() -> None:
        with closing(open_executor()) as executor:
            check(ExecutorBench(executor, directory))

    return run_check(check.__name__.removeprefix("check_"), carry_out)
