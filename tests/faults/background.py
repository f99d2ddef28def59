"""The background service of a world: started, looked at, killed."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import Any

from tests.faults.procs import LIMIT, Child, World
from wabucketref.service.remote.launch import is_held
from wabucketref.service.remote.place import Place


class Service:
    """One home's service."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.place = Place.of(world.home)
        self._scripted: list[Child] = []

    def start(self, *options: str, points: str = "", may_miss: bool = False) -> int:
        """Its process, once it accepts. `points`: a script of ``points.py`` for it, which it must follow by its end."""
        child = self.world.start("--json", "service", "start", *options, points=points)
        self._scripted += [] if may_miss else [child]
        ended = child.wait()
        assert ended.code == 0, ended
        return int(ended.json()["pid"])

    @property
    def pid(self) -> int:
        plate = self.place.read_plate()
        assert plate is not None, "it never ran"
        return plate.pid

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """And wait until it is gone."""
        os.kill(self.pid, number)
        until(lambda: not is_held(self.place))

    def stop(self, *options: str) -> None:
        ended = self.world.run("service", "stop", *options)
        assert ended.code == 0, ended

    def runs(self) -> list[dict[str, Any]]:
        """What is under way in it."""
        ended = self.world.run("--json", "service", "status")
        assert ended.code == 0, ended
        return list(ended.json()["items"])

    def settle(self) -> None:
        """Wait until no run is open, and nothing waits to be recorded."""
        until(lambda: all(item["state"] == "ended" for item in self.world.ok("status")["items"]))

    def end(self) -> None:
        """Whatever state it is in."""
        if is_held(self.place):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGCONT)
                os.kill(self.pid, signal.SIGKILL)
            until(lambda: not is_held(self.place))
        missed = [step for child in self._scripted for step in child.missed()]
        assert not missed, f"faults of the script that the service did not hit: {missed}"


def until(true: Callable[[], bool], seconds: float = LIMIT) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never comes"
        time.sleep(0.02)
