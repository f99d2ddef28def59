"""Scripted faults for tests: which call fails, how, and a check that every fault was met."""

import fnmatch
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from wabucketref.contracts.storage import Storage
from wabucketref.store.wrappers.wrapper import Call, Wrapper

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fault:
    """One line of a script: the `nth` call of `method` on a key that matches `key` meets it, `times` in a row."""

    method: str
    """As in :class:`Call`; ``*`` is any."""
    key: str = "*"
    """A shell pattern."""
    nth: int = 1
    times: int = 1
    error: Exception | None = None
    """Raised instead of the call, or, with `after`, once the call was carried out (a lost answer)."""
    after: bool = False
    action: Callable[[Call], None] | None = None
    """Called before (or with `after` behind) the call, for rivals that step in at this point."""

    def matches(self, call: Call) -> bool:
        return self.method in ("*", call.method) and fnmatch.fnmatchcase(call.key, self.key)


class Faulty(Wrapper):
    """Follows a script of faults; :meth:`assert_all_hit` fails when one was never met."""

    def __init__(self, inner: Storage, faults: Sequence[Fault]) -> None:
        super().__init__(inner)
        self._faults = tuple(faults)
        self._seen = [0] * len(self._faults)
        self._hits = [0] * len(self._faults)
        self._lock = threading.Lock()
        self.calls: list[Call] = []

    def around(self, call: Call, action: Callable[[], T]) -> T:
        due = self._due(call)
        _strike(call, [fault for fault in due if not fault.after])
        result = action()
        _strike(call, [fault for fault in due if fault.after])
        return result

    def assert_all_hit(self) -> None:
        """Raises AssertionError naming the faults that were met less often than written."""
        missed = [fault for fault, hits in zip(self._faults, self._hits, strict=True) if hits < fault.times]
        if missed:
            raise AssertionError(f"faults of the script that were not hit: {missed}")

    def _due(self, call: Call) -> list[Fault]:
        with self._lock:
            self.calls.append(call)
            due = []
            for index, fault in enumerate(self._faults):
                if not fault.matches(call):
                    continue
                self._seen[index] += 1
                if fault.nth <= self._seen[index] < fault.nth + fault.times:
                    self._hits[index] += 1
                    due.append(fault)
            return due


def _strike(call: Call, faults: Sequence[Fault]) -> None:
    for fault in faults:
        if fault.action is not None:
            fault.action(call)
        if fault.error is not None:
            raise fault.error
