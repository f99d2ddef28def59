"""Runs a command to its end and measures the whole process tree."""

import os
import re
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_POLL = 0.01


@dataclass(frozen=True)
class Measured:
    """Seconds of wall and processor time, and the most memory that all processes had resident at one moment."""

    wall: float
    cpu: float
    peak: int


class CommandFailed(Exception):
    """The command ended with another code than 0; the message has what it printed."""


def measure(
    command: Sequence[str | Path], environ: Mapping[str, str], directory: Path, timeout: float = 900
) -> Measured:
    """Run `command` in a session of its own.

    Raises:
        CommandFailed: it did not end well, or not in time.
    """
    log = directory / "bench.log"
    with log.open("wb") as out:
        begun = time.perf_counter()
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=directory,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        peak = _Peak(process.pid)
        late = threading.Timer(timeout, process.kill)
        late.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        finally:
            late.cancel()
            wall = time.perf_counter() - begun
            process.returncode = 0  # it was waited for here
    bytes_seen = peak.stop()
    if code := os.waitstatus_to_exitcode(status):
        raise CommandFailed(f"exit {code}: {command}\n{log.read_text(errors='replace')[-2000:]}")
    # usage.ru_maxrss is of no use: exec passes on the high-water mark of the process that forked, which is ours.
    return Measured(wall, usage.ru_utime + usage.ru_stime, bytes_seen)


class _Peak:
    """Looks at the resident memory of a session's processes until it is stopped."""

    def __init__(self, session: int) -> None:
        self._session = session
        self._most = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        self._stopped.set()
        self._thread.join()
        return self._most

    def _watch(self) -> None:
        while not self._stopped.wait(_POLL):
            now, highest = 0, 0
            for pid in _members(self._session):
                resident, high_water = _memory(pid)
                now, highest = now + resident, max(highest, high_water)
            # The kernel's own mark of one process catches what happened between two looks.
            self._most = max(self._most, now, highest)


def _members(session: int) -> list[int]:
    found = [session]
    for pid in found:
        found += _children(pid)
    return found


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]


def _memory(pid: int) -> tuple[int, int]:
    """Bytes resident now, and at most so far; zeros when the process is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0, 0
    found = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", status, re.MULTILINE))
    return int(found.get("VmRSS", 0)) * 1024, int(found.get("VmHWM", 0)) * 1024
