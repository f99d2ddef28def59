"""Carry out a plan in processes, kill some of them, and judge how each ended."""

import contextlib
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.procs import Ended, World
from tests.load.soak.oracle import Oracle, complaint
from tests.load.soak.plan import Step
from tests.load.soak.sources import mark, prints

_NOT_JOURNALED = ("download", "download-shared", "shared", "rm", "alias")
_LONGEST = 300.0
"""Seconds that one command may take, all its retries included."""


@dataclass
class Told:
    """What came of all steps. Thread-safe by the lock of the interpreter: only single appends and sums."""

    ended: dict[str, tuple[Step, int]] = field(default_factory=dict)
    codes: Counter[tuple[str, int]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    again: list[Step] = field(default_factory=list)
    """Those that nothing but themselves can finish: what was read or removed when somebody was stopped."""
    longest: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Worker:
    """Carries out steps one after the other, each in a process of its own."""

    def __init__(self, world: World, oracle: Oracle, told: Told) -> None:
        self._world = world
        self._oracle = oracle
        self._told = told

    def work(self, steps: Iterator[Step], goes_on: Callable[[], bool]) -> None:
        while goes_on():
            try:
                self.carry_out(next(steps))
            except Exception as error:  # it hangs, or the worker is wrong
                self._told.wrong.append(f"{type(error).__name__}: {error}")

    def carry_out(self, step: Step) -> int:
        begun = time.monotonic()
        child = self._world.start(*step.argv, call=step.call)
        if step.kill is not None and not child.ended.wait(step.kill):
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                child.signal(signal.Signals[step.signal])
        ended = child.wait(_LONGEST)
        self._judge(step, ended, time.monotonic() - begun)
        return ended.code

    def _judge(self, step: Step, ended: Ended, seconds: float) -> None:
        got = _brought(step) if ended.code in (0, 8) else None
        heard = self._oracle.heard(step, _as_told(step, ended.code), got)
        found = complaint(step, ended.code) or heard
        if "Traceback" in ended.err or "Traceback" in ended.out:
            found = found or "a traceback"
        with self._told.lock:
            self._told.ended[step.name] = (step, ended.code)
            self._told.codes[step.kind, ended.code] += 1
            self._told.longest = max(self._told.longest, seconds)
            if found:
                self._told.wrong.append(f"{step.name} {step.kind} {step.argv} ({ended.code}): {found}\n{ended.err}")
            if ended.code not in (0, 3) and step.kind in _NOT_JOURNALED:
                self._told.again.append(step)


def _as_told(step: Step, code: int) -> int:
    """A session may hear of its upload and fail later, or leave it to the service and end well."""
    if step.kind != "session" or code == 6:
        return code
    return 0 if "uploaded" in notes(step) else -1


def notes(step: Step) -> list[str]:
    """What a session was told, in order."""
    assert step.target is not None
    path = Path(step.target)
    return path.read_text().splitlines() if path.exists() else []


def _brought(step: Step) -> str | None:
    """What a download put into its destination."""
    if not step.kind.startswith("download"):
        return None
    assert step.target is not None
    return mark(prints(Path(step.target), without=""))
