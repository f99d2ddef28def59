"""Phases, each with its calm: in the first the background service is killed again and again, in the second a last one
warms up, in the third it lives on, and must not have grown when that ends. Clients are killed in all of them."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.faults.procs import World, Zygote
from tests.faults.proxy import Cut, Delay, DropAnswer, Proxy, Randomly, Reset, Stall, Status
from tests.load.soak.ending import Ending
from tests.load.soak.keeper import Keeper, Size
from tests.load.soak.oracle import Oracle
from tests.load.soak.plan import Plan, Step
from tests.load.soak.workers import Told, Worker
from tests.servers import Server

PROCESSES = 8
FAULTS = Randomly(
    0.04,
    [
        Reset(),
        Reset(),
        Status(500, "InternalError"),
        Status(503, "SlowDown"),
        Cut(after=10),
        Cut(after=10_000),
        Cut(after=1_000, up=True, reset=True),
        DropAnswer(),
        DropAnswer(reset=True),
        Delay(0.5),
        Stall(),
    ],
)
_KILLING, _WARMING, _FLAT = 0.4, 0.1, 0.5
"""How long the phases are, of the whole."""
STALL = 3.0
"""Seconds after which a client no longer waits."""


@dataclass
class Soak:
    """A world under load."""

    world: World
    proxy: Proxy
    keeper: Keeper
    ending: Ending
    plans: list[Iterator[Step]]
    told: Told
    oracle: Oracle

    @classmethod
    def begin(cls, seed: int, seconds: float, zygote: Zygote, server: Server, directory: Any) -> "Soak":
        """`directory`: where everything lies but the server's own files."""
        assert server.directory is not None
        name = server.make_bucket()
        proxy = Proxy(server.endpoint, seed=seed, randomly=FAULTS).start()
        for part in ("tmp", "out", "notes", "src"):
            (directory / part).mkdir()
        environ = {key: value.replace(server.endpoint, proxy.url) for key, value in server.environ.items()}
        environ |= {"TMPDIR": str(directory / "tmp"), "WABUCKET_STALL_TIMEOUT": str(STALL), "WABUCKET_LOG": "info"}
        world = World(zygote, directory, environ, server.url(name))
        told, oracle = Told(), Oracle()
        keeper = Keeper(world, random.Random(f"keeper {seed}"), seconds / 12, told.wrong)
        ending = Ending(world, server.directory / name, proxy, oracle, told)
        plans = [Plan(seed, worker, directory).steps() for worker in range(PROCESSES)]
        return cls(world, proxy, keeper, ending, plans, told, oracle)

    def run(self, seconds: float) -> dict[str, Any]:
        """Both phases; the figures."""
        try:
            self._phase(seconds * _KILLING, self.keeper.kill_again_and_again)
            self._calm()
            self.ending.check(deep=False)
            self._phase(seconds * _WARMING, self.keeper.watch)
            before = self._calm()
            self._phase(seconds * _FLAT, self.keeper.watch)
            after = self._calm()
            self.ending.check(deep=True)
            self._stop()
            self.told.wrong += self._grown(before, after)
        finally:
            self.keeper.service.end()
            self.proxy.stop()
        return self.figures(before, after)

    def _phase(self, seconds: float, care: Any) -> None:
        self.proxy.randomly = FAULTS
        over, end = threading.Event(), time.monotonic() + seconds
        threads = [threading.Thread(target=care, args=(over,))]
        for plan in self.plans:
            worker = Worker(self.world, self.oracle, self.told)
            threads.append(threading.Thread(target=worker.work, args=(plan, lambda: time.monotonic() < end)))
        for thread in threads:
            thread.start()
        for thread in threads[1:]:
            thread.join()
        over.set()
        threads[0].join()

    def _calm(self) -> Size:
        """No faults, nothing under way: the bucket is compared, and the service looked at."""
        self.proxy.randomly = None
        self.keeper.start()
        self.keeper.calm()
        self.ending.settle()
        return self.keeper.calm()

    def _stop(self) -> None:
        ended = self.world.start("service", "stop").wait(120)
        if ended.code != 0:
            self.told.wrong.append(f"service stop: {ended}")
        self.told.wrong += self.keeper.complaints()

    def _grown(self, before: Size, after: Size) -> Iterator[str]:
        """The service's size in the calms around the last phase. Pools of threads and connections may still fill, up
        to their bounds, which do not grow with what was done."""
        if after.threads > before.threads + 8 or after.descriptors > before.descriptors + 24:
            yield f"the service holds more than before: {before}, then {after}"
        if after.mib > before.mib + 20:
            yield f"the service has grown: {before}, then {after}"

    def figures(self, before: Size, after: Size) -> dict[str, Any]:
        kinds: Counter[str] = Counter()
        codes: Counter[int] = Counter()
        for (kind, code), count in self.told.codes.items():
            kinds[kind] += count
            codes[code] += count
        faults = Counter(name for one in list(self.proxy.log) for name in one.faults)
        step = max(1, len(self.keeper.sizes) // 12)
        return {
            "operations": dict(kinds.most_common()),
            "total": sum(kinds.values()),
            "exit_codes": dict(sorted(codes.items())),
            "clients_killed": codes[-9],
            "service": {"starts": self.keeper.starts, "ends": self.keeper.kills},
            "requests": len(self.proxy.log),
            "faults": dict(faults.most_common()),
            "longest_s": round(self.told.longest, 1),
            "service_at_calm": [(size.threads, size.descriptors, size.mib) for size in (before, after)],
            "service_mib": [size.mib for size in self.keeper.sizes[::step]],
            "service_threads": [size.threads for size in self.keeper.sizes[::step]],
            "service_descriptors": [size.descriptors for size in self.keeper.sizes[::step]],
            "wrong": len(self.told.wrong),
        }
