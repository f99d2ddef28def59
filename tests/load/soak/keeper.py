"""Starts the background service again and again and kills it, and at last lets it live and watches it."""

import contextlib
import os
import random
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.background import Service
from tests.faults.procs import World
from tests.load.measure import resident
from wabucketref.service.remote.launch import is_held

_TICK = 0.5
_CALM = 120.0
"""Seconds within which everything must have ended that was under way."""


@dataclass(frozen=True)
class Size:
    """Of the service's process."""

    threads: int
    descriptors: int
    mib: int
    kinds: Mapping[str, int] = field(default_factory=dict, compare=False)
    """How many threads of each name and descriptors of each kind, for who wonders."""


def size_of(pid: int) -> Size:
    process = Path(f"/proc/{pid}")
    kinds: Counter[str] = Counter()
    for path in process.glob("fd/*"):
        with contextlib.suppress(OSError):
            kinds[re.sub(r"\d+", "N", os.readlink(path))] += 1
    descriptors = kinds.total()
    for path in process.glob("task/*/comm"):
        with contextlib.suppress(OSError):
            kinds[re.sub(r"\d+", "N", f"thread {path.read_text().strip()}")] += 1
    return Size(kinds.total() - descriptors, descriptors, resident(process), dict(kinds))


@dataclass
class Keeper:
    """Of one home's service."""

    world: World
    rng: random.Random
    seconds: float
    """How long a life lasts at most."""
    wrong: list[str]
    kills: int = 0
    starts: int = 0
    sizes: list[Size] = field(default_factory=list)
    """Of the service that lives to the end, over time."""

    def __post_init__(self) -> None:
        self.service = Service(self.world)

    def start(self) -> None:
        ended = self.world.start("--json", "service", "start").wait(120)
        self.starts += 1
        if ended.code != 0:
            self.wrong.append(f"service start: {ended}")

    def kill_again_and_again(self, over: threading.Event) -> None:
        """Until it is `over`; then no service runs or one does."""
        while not over.is_set():
            if not is_held(self.service.place):
                self.start()
            if over.wait(self.rng.uniform(0.3, 1.0) * self.seconds):
                return
            self._end()
            over.wait(self.rng.uniform(0.02, 0.2) * self.seconds)

    def _end(self) -> None:
        self.kills += 1
        if self.rng.random() < 0.25:
            ended = self.world.start("service", "stop", "--now").wait(120)
            if ended.code not in (0, 5):
                self.wrong.append(f"service stop --now: {ended}")
        else:
            self.service.kill(signal.SIGKILL)

    def watch(self, over: threading.Event) -> None:
        """The service that runs now, which must live until it is `over`."""
        pid = self.service.pid
        while not over.wait(_TICK):
            try:
                self.sizes.append(size_of(pid))
            except OSError:
                self.wrong.append("the service has died by itself")
                return

    def calm(self) -> Size:
        """Its size once it has nothing to do."""
        end = time.monotonic() + _CALM
        while busy := [item for item in self.world.ok("status")["items"] if item["state"] not in ("ended", "waiting")]:
            assert time.monotonic() < end, f"it never ends: {busy}"
            time.sleep(0.2)
        time.sleep(2)
        return size_of(self.service.pid)

    def complaints(self) -> list[str]:
        """What its log and its standard error say that they must not."""
        found = []
        for name in ("service.stderr", "service.log", "service.log.1"):
            path = self.service.place.directory / name
            text = path.read_text(errors="replace") if path.exists() else ""
            if "Traceback" in text or (name == "service.stderr" and text):
                found.append(f"{name}: {text[:200]} … {text[text.find('Traceback') :][:3000]}")
        return found
