"""How a check says what it found. No test library: ``doctor`` runs the same checks on a user's own bucket."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, TypeVar

from wabucketref.errors import WaBucketError

T = TypeVar("T")


class Broken(Exception):
    """A promise of the contract is not kept; the text says which and how."""


class NotApplicable(Exception):
    """The check has nothing to look at here; the text says why."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Outcome of one check."""

    name: str
    state: Literal["ok", "broken", "skipped"]
    text: str = ""
    """What is broken, or why it was skipped."""

    def __str__(self) -> str:
        return f"{self.name}: {self.state}{f': {self.text}' if self.text else ''}"


def run_check(name: str, check: Callable[[], None]) -> CheckResult:
    """Carry out `check`; whatever it raises is in the result."""
    try:
        check()
    except NotApplicable as reason:
        return CheckResult(name, "skipped", str(reason))
    except Broken as reason:
        return CheckResult(name, "broken", str(reason))
    except Exception as error:
        return CheckResult(name, "broken", f"{type(error).__name__}: {error}")
    return CheckResult(name, "ok")


@contextlib.contextmanager
def expect(*kinds: type[WaBucketError], doing: str) -> Iterator[None]:
    """The block must raise one of `kinds`."""
    names = " or ".join(kind.__name__ for kind in kinds)
    try:
        yield
    except kinds:
        return
    except Exception as error:
        raise Broken(f"{doing}: {names} expected, got {type(error).__name__}: {error}") from error
    raise Broken(f"{doing}: {names} expected, but it succeeded")


def must(condition: object, text: str) -> None:
    """Raises Broken with `text` unless `condition`."""
    if not condition:
        raise Broken(text)


def same(found: object, wanted: object, what: str) -> None:
    """Raises Broken unless both are equal; long values are cut in the text."""
    if found != wanted:
        raise Broken(f"{what}: expected {_short(wanted)}, found {_short(found)}")


def race(calls: Sequence[Callable[[], T]]) -> list[T | Exception]:
    """All calls at the same time, each in its own thread; results or errors in order."""
    from threading import Barrier

    barrier = Barrier(len(calls))

    def start(call: Callable[[], T]) -> T | Exception:
        barrier.wait(30)
        try:
            return call()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(start, calls))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:120]}… ({len(text)} characters)"
