"""Load on ``wabucket serve``: many clients of W&B's SDK, unmodified, and many readers. Run alone it prints its figures:

    python -m tests.load.serve [--processes 20] [--runs 1] [--rows 1000 | --seconds 60] [--readers 200] [--postgres]
    python -m tests.load.serve --write

A client is a run; several may live in one process, as threads, where the machine has no memory for as many processes.
"""

import argparse
import asyncio
import base64
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from tests.benchmarks.report import machine
from tests.load.measure import Watch
from tests.postgres import cluster
from tests.server.live import started
from tests.server.sdk import Sdk
from tests.tools.markdown import ROOT
from tests.tools.sections import with_section
from wabucketref.errors import NotFound
from wabucketref.model.run import RunKey
from wabucketref.testing.server import LiveServer, user_name
from wabucketref.trackers.embedded.tracker import EmbeddedTracker

PAUSE = 0.05
"""Seconds between two rows of a client that logs for a time."""
REST = 1.0
"""Seconds from an answer to the next question of a reader."""
PROJECT = "p"
QUERY = """query Q($n: String!) { project(name: "p") { runCount runs(first: 20) { edges { node { name state } } }
           run(name: $n) { history(samples: 100) historyLineCount } } }"""

PAGE = ROOT / "docs" / "performance.md"
SECTION = "The server under load"
HEAD = f"""\
## {SECTION}

Written by `python -m tests.load.serve --write`. `wabucket serve` and W&B's SDK, unmodified, on {{machine}}; load
average before: {{load:.1f}}. Each of the readers asks for the list of runs and 100 rows of one a second after its last
answer. Every row is then looked for in the catalog. Rates and latencies are those of a machine that clients and server
share and that has other work; processor time is the server's alone.

| load | catalog | logged | rows | reads | processor time of the server | its memory |
| --- | --- | --- | --- | --- | --- | --- |
"""
_CLIENT = """
import threading, time
settings = wandb.Settings(x_disable_stats=True, console="off")
names = [f"{os.environ['RUN']}-{number}" for number in range(int(os.environ["RUNS"]))]
runs = [wandb.init(project="p", id=name, settings=settings, reinit="create_new") for name in names]
answer, seconds, rows = {}, float(os.environ["SECONDS"]), int(os.environ["ROWS"])

def log(run):
    begun, step = time.monotonic(), 0
    while step < rows if rows else time.monotonic() - begun < seconds:
        run.log({"x": step, "y": step * 0.5, "time": time.time()})
        step += 1
        if not rows:
            time.sleep(float(os.environ["PAUSE"]))
    answer[run.id] = step

threads = [threading.Thread(target=log, args=(run,)) for run in runs]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for run in runs:
    run.finish()
"""


@dataclass(frozen=True)
class Plan:
    """How much."""

    processes: int = 20
    runs: int = 1
    """Of each process."""
    rows: int = 1_000
    """Of each run; 0: as many as come in `seconds`."""
    seconds: float = 0.0
    readers: int = 200

    @property
    def clients(self) -> int:
        return self.processes * self.runs


HUNDRED = Plan(processes=10, runs=10, rows=0, seconds=60.0, readers=20)
"""As many clients as a small machine has memory for: ten runs a process."""


@dataclass
class Found:
    """What came of it."""

    plan: Plan
    catalog: str = "SQLite"
    logged: int = 0
    lost: int = 0
    doubled: int = 0
    states: frozenset[str] = frozenset()
    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    """Of the readers, sorted."""
    resident: list[int] = field(default_factory=list)
    """MiB of the server over time."""
    seconds: float = 0.0
    """From the first client's start to the last one's end."""
    cpu: float = 0.0
    """Seconds of processor time that the server took."""
    said: str = ""
    """What the server logged."""

    @property
    def p99(self) -> float:
        """Seconds."""
        return self.latencies[int(len(self.latencies) * 0.99)] if self.latencies else 0.0

    @property
    def growth(self) -> int:
        """MiB that the last third of the time needed at most above the second."""
        third = len(self.resident) // 3
        return max(self.resident[2 * third :]) - max(self.resident[third : 2 * third])

    def row(self) -> str:
        """A line of the table in ``docs/performance.md``."""
        plan = self.plan
        what = f"{plan.clients} runs in {plan.processes} processes of the SDK, {plan.readers} readers"
        much = f"{self.logged:,} rows, {self.logged / self.seconds:,.0f} a second"
        reads = f"{len(self.latencies):,}, p99 {self.p99 * 1000:,.0f} ms"
        asked = self.logged / 1_000 + len(self.latencies) / 1_000
        cpu = f"{self.cpu:.1f} s ({self.cpu / asked:.2f} s a thousand rows and reads)"
        memory = f"{max(self.resident)} MiB, {self.growth:+d} in the last third"
        rows = f"{self.lost} lost, {self.doubled} doubled"
        return f"| {' | '.join([what, self.catalog, much, rows, reads, cpu, memory])} |"


def measure(plan: Plan, directory: Path, environ: dict[str, str] | None = None) -> Found:
    """Carry the plan out against a server of its own, and compare what the catalog has with what was logged."""
    found, user = Found(plan, "PostgreSQL" if environ else "SQLite"), user_name()
    with started(directory / "live", **(environ or {})) as server:
        watch, before = Watch(server.process.pid), processor_time(server.process.pid)
        readers = Readers(server, user, plan.readers)
        begun = time.monotonic()
        logged = log_all(plan, server, user, directory)
        found.seconds = time.monotonic() - begun
        found.latencies, found.statuses = readers.stop()
        found.cpu = processor_time(server.process.pid) - before
        watch.stop()
        found.resident, found.said = watch.resident, server.log.read_text(errors="replace")
        compare(found, logged, server, user)
    return found


def log_all(plan: Plan, server: LiveServer, user: str, directory: Path) -> dict[str, int]:
    """Rows that each run logged, once all have ended."""
    much = {"RUNS": str(plan.runs), "ROWS": str(plan.rows), "SECONDS": str(plan.seconds), "PAUSE": str(PAUSE)}
    sdks = [Sdk(server, user, directory / f"sdk{number}") for number in range(plan.processes)]
    clients = [sdk.start(_CLIENT, RUN=f"r{number}", **much) for number, sdk in enumerate(sdks)]
    logged: dict[str, int] = {}
    for sdk, client in zip(sdks, clients, strict=True):
        logged |= sdk.ended(client, 1800)
    return logged


def compare(found: Found, logged: dict[str, int], server: LiveServer, user: str) -> None:
    """Count what is missing in the catalog, and what is there more than once."""
    url = server.environ.get("WABUCKET_CATALOG", f"sqlite:///{server.home / 'catalog.sqlite'}")
    states = set()
    with closing(EmbeddedTracker(url, create=False)) as tracker:
        for name, count in logged.items():
            key = RunKey(user, PROJECT, name)
            try:
                values = [row.values["x"] for row in tracker.history(key)]
                states.add(str(tracker.get_run(key).state))
            except NotFound:
                values = []
            found.logged += count
            found.lost += len(set(range(count)) - set(values))
            found.doubled += len(values) - len(set(values))
    found.states = frozenset(states)


class Readers:
    """Connections that each ask, read the answer and rest, in a thread of their own until stopped."""

    def __init__(self, server: LiveServer, user: str, count: int) -> None:
        self._host, self._port = "127.0.0.1", urlsplit(server.url).port or 80
        body = json.dumps({"query": QUERY, "variables": {"n": "r0-0"}}).encode()
        key = base64.b64encode(f"api:{user}".encode()).decode()
        self._request = (
            f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nContent-Type: application/json\r\n"
            f"Authorization: Basic {key}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        self._latencies: list[float] = []
        self._statuses: Counter[int] = Counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._read_all(count)))
        self._thread.start()

    def stop(self) -> tuple[list[float], Counter[int]]:
        """Latencies in seconds, sorted, and how often each status came; 0: none came."""
        self._stop.set()
        self._thread.join()
        return sorted(self._latencies), self._statuses

    async def _read_all(self, count: int) -> None:
        await asyncio.gather(*(self._read(number / max(count, 1)) for number in range(count)))

    async def _read(self, phase: float) -> None:
        await asyncio.sleep(phase * REST)
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            while not self._stop.is_set():
                begun = time.perf_counter()
                writer.write(self._request)
                self._statuses[await _answer(reader)] += 1
                self._latencies.append(time.perf_counter() - begun)
                await asyncio.sleep(REST)
        except (OSError, asyncio.IncompleteReadError):
            self._statuses[0] += 1
        finally:
            writer.close()


async def _answer(reader: asyncio.StreamReader) -> int:
    """The status of an answer, read to its end."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    lines = [line.partition(":") for line in head.split("\r\n")[1:]]
    length = next(int(value) for name, _, value in lines if name.lower() == "content-length")
    await reader.readexactly(length)
    return int(head.split()[1])


def processor_time(pid: int) -> float:
    """Seconds that a process has taken so far, in user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(arguments: Sequence[str] | None = None) -> int:
    options = parsed(arguments)
    plan = Plan(options.processes, options.runs, options.rows, options.seconds, options.readers)
    if options.write:
        load = os.getloadavg()[1]
        found = [*loaded(Plan(), False), *loaded(HUNDRED, False), *loaded(HUNDRED, True)]
        text = HEAD.format(machine=machine(), load=load) + "".join(f"{one.row()}\n" for one in found) + "\n"
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(with_section(page, SECTION, text, before="Records"), encoding="utf-8")
    else:
        found = list(loaded(plan, options.postgres))
    for one in found:
        print(one.row())
        print(f"statuses {dict(one.statuses)}, states {sorted(one.states)}, load average {os.getloadavg()[0]:.1f}")
        print(one.said[-2000:], file=sys.stderr)
    return 0


def loaded(plan: Plan, on_postgres: bool) -> Iterator[Found]:
    """What comes of the plan, on one database or the other."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="serve-")))
        if not on_postgres:
            yield measure(plan, directory)
            return
        postgres = stack.enter_context(cluster())
        yield measure(plan, directory, {"WABUCKET_CATALOG": postgres.url(postgres.make())})


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.load.serve", description="Load on wabucket serve.")
    parser.add_argument("--processes", type=int, default=20, help="of the SDK (default 20)")
    parser.add_argument("--runs", type=int, default=1, help="of each process (default 1)")
    parser.add_argument("--rows", type=int, default=1_000, help="of each run (default 1000); 0: see --seconds")
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="that each run logs for, with --rows 0 (default 60)"
    )
    parser.add_argument("--readers", type=int, default=200, help="over HTTP (default 200)")
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL catalog")
    parser.add_argument("--write", action="store_true", help="three loads, as a section of docs/performance.md")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
