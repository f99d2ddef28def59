"""The catalogue of failpoints, and the interpreter of scripts that say what shall happen at them.

A script is ``name=action@n,…``; the name ``*`` stands for any point. Actions:

``kill``          SIGKILL to this process
``raise:ERRNO``   an ``OSError`` (``raise:ENOSPC``)
``sleep:SECONDS``
``pause:PATH``    make ``PATH.reached``, then wait until ``PATH`` exists
``fill:PATH``     take all free space of the disk there
``readonly:PATH`` make the disk there read-only, unless a file on it is open for writing
``log:PATH``      append the point's name to the file; at every hit unless ``@n`` is given

``@n``: the n-th hit only; the default is the first. ``@n+``: that one and all later.

What comes before a ``;`` says where to note what was passed, as empty files in directories: ``passed=DIR`` each point
by its name, ``met=DIR`` each step of the script by its number.
"""

import contextlib
import errno
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults import disk

POINTS = frozenset(
    {
        "adopt.file_hashed",
        "artifact.resolved",
        "cache.content_written",
        "cache.pruning",
        "catalog.altered",
        "catalog.backed_up",
        "catalog.committed",
        "catalog.moved",
        "catalog.written",
        "claim.taken",
        "claim.waiting",
        "copies.taken",
        "download.done",
        "download.entries_read",
        "download.file_placed",
        "download.file_verified",
        "download.header_read",
        "download.range",
        "download.staging_found",
        "download.staging_made",
        "download.synced",
        "filestream.sent",
        "finish.stage",
        "gc.claimed",
        "gc.item",
        "gc.item_removed",
        "gc.object_gone",
        "gc.planned",
        "journal.appended",
        "journal.created",
        "journal.recovered",
        "journal.removed",
        "journal.synced",
        "link.file_hashed",
        "link.marked",
        "probe.tried",
        "rebuild.header_read",
        "rebuild.adding",
        "rebuild.recorded",
        "relocate.done",
        "relocate.looked",
        "remove.done",
        "remove.file_gone",
        "remove.files_gone",
        "remove.header_gone",
        "scan.done",
        "sender.before_process",
        "sender.processed",
        "tracker.answered",
        "tracker.asked",
        "upload.claim_removed",
        "upload.claimed",
        "upload.completed",
        "upload.copied",
        "upload.copying",
        "upload.entries_put",
        "upload.file_sent",
        "upload.file_stored",
        "upload.files_stored",
        "upload.header_answered",
        "upload.header_sent",
        "upload.leftovers_removed",
        "upload.part",
        "upload.parts_begun",
        "upload.recalled",
        "upload.withdrawn",
        "verify.file",
        "workspace.closed",
    }
)
_PAUSE_SECONDS = 60.0
_NOTES = ("passed", "met")


@dataclass(frozen=True)
class Step:
    """One part of a script."""

    point: str
    act: Callable[[str], None]
    first: int
    last: float

    def concerns(self, count: int) -> bool:
        return self.first <= count <= self.last


class Marks:
    """Empty files in a directory, each made once by this process; processes share the directory."""

    def __init__(self, directory: str | None) -> None:
        self._directory = directory
        self._made: set[str] = set()

    def make(self, name: str) -> None:
        if self._directory is not None and name not in self._made:
            self._made.add(name)
            with contextlib.suppress(OSError):  # what is tested may be a process that can open no file
                Path(self._directory, name).touch()


def noting(script: str, **directories: Path | None) -> str:
    """`script` with directories to note in; see the module's text."""
    given = [f"{name}={path}" for name, path in directories.items() if path is not None]
    return f"{','.join(given)};{script}" if given else script


def steps_of(script: str) -> Sequence[str]:
    """The parts of a script, in order."""
    return [part for part in script.rpartition(";")[2].split(",") if part]


def interpreter(script: str) -> Callable[[str], None]:
    """The hook for ``wabucketref.failpoints.install`` that carries out `script`. Thread-safe.

    Raises:
        ValueError: the script is malformed, or names a point that does not exist.
    """
    notes = _notes(script)
    steps = [_step(part) for part in steps_of(script)]
    passed, met = Marks(notes.get("passed")), Marks(notes.get("met"))
    lock = threading.Lock()
    counts: Counter[str] = Counter()

    def hook(name: str) -> None:
        with lock:
            counts[name] += 1
            counts["*"] += 1
            passed.make(name)
            due = [
                (number, step)
                for number, step in enumerate(steps)
                if step.point in (name, "*") and step.concerns(counts[step.point])
            ]
            for number, _ in due:
                met.make(str(number))
        for _, step in due:
            step.act(name)

    return hook


def _notes(script: str) -> dict[str, str]:
    found = dict(part.split("=", 1) for part in script.rpartition(";")[0].split(",") if part)
    if not set(found) <= set(_NOTES):
        raise ValueError(f"there is nothing to note as {set(found)}")
    return found


def _step(part: str) -> Step:
    point, _, rest = part.partition("=")
    action, at, count = rest.partition("@")
    word, _, argument = action.partition(":")
    if point != "*" and point not in POINTS:
        raise ValueError(f"there is no failpoint {point!r}")
    if word not in _ACTIONS:
        raise ValueError(f"there is no action {action!r}")
    if not at:
        return Step(point, _ACTIONS[word](argument), 1, float("inf") if word == "log" else 1)
    first = int(count.rstrip("+"))
    return Step(point, _ACTIONS[word](argument), first, float("inf") if count.endswith("+") else first)


def _kill(argument: str) -> Callable[[str], None]:
    return lambda name: os.kill(os.getpid(), signal.SIGKILL)


def _raise(argument: str) -> Callable[[str], None]:
    number = getattr(errno, argument)

    def act(name: str) -> None:
        raise OSError(number, f"{os.strerror(number)} (at {name})")

    return act


def _sleep(argument: str) -> Callable[[str], None]:
    seconds = float(argument)
    return lambda name: time.sleep(seconds)


def _pause(argument: str) -> Callable[[str], None]:
    def act(name: str) -> None:
        Path(f"{argument}.reached").touch()
        end = time.monotonic() + _PAUSE_SECONDS
        while not Path(argument).exists() and time.monotonic() < end:
            time.sleep(0.005)

    return act


def _fill(argument: str) -> Callable[[str], None]:
    return lambda name: disk.fill(Path(argument))


def _read_only(argument: str) -> Callable[[str], None]:
    return lambda name: disk.read_only_if_idle(Path(argument))


def _log(argument: str) -> Callable[[str], None]:
    def act(name: str) -> None:
        with open(argument, "a") as file:
            file.write(f"{name}\n")

    return act


_ACTIONS: dict[str, Callable[[str], Callable[[str], None]]] = {
    "kill": _kill,
    "raise": _raise,
    "sleep": _sleep,
    "pause": _pause,
    "fill": _fill,
    "readonly": _read_only,
    "log": _log,
}
