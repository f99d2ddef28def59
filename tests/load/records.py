"""Load on the path of records. Each scenario runs in a process of its own, so that its memory is its own, and prints
its figures as one JSON document: ``python -m tests.load.records SCENARIO [--count N] [--sync normal]``.

    rows       rows of history through ``run.log``, the embedded tracker at work meanwhile
    remote     the same, through the background service
    artifacts  uploads with ``wait=False``: a large one, then many small ones; then as many one after the other
    remote-artifacts  the same, through the background service
    outage     rows while the tracker is down, then ``wabucket sync``
"""

import argparse
import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.load.measure import DiskWatch, Watch, floor_us, percentiles, row
from tests.tools.markdown import ROOT
from wabucketref import WaBucketRefAPI
from wabucketref.errors import TransientError
from wabucketref.runs.run import Run
from wabucketref.service.client import Transport
from wabucketref.service.wabucket_pb2 import Envelope
from wabucketref.trackers.embedded.tracker import EmbeddedTracker

Figures = dict[str, Any]
PROJECT = "load"
WARM_UP = 10_000
FOREIGN = ("WANDB_", "WABUCKET_", "AWS_")
SMALL = (100, 10_000, 300_000)
"""Bytes of the small files, by turns."""
LARGE = 256 << 10
"""Bytes of the large file for each small one: 256 MiB for a thousand."""


def rows(home: Path, count: int, sync: str) -> Figures:
    """A burst, then the end of the run; what the catalog holds is compared with what was logged."""
    floor = floor_us(home)
    with opened(home, sync) as api:
        run = api.wandb_start_run()
        warm_up(run)
        watch, cpu = Watch(), time.process_time()
        logged = log_rows(run, WARM_UP, count)
        accepted, burst = time.perf_counter() - logged.begun, time.process_time() - cpu
        run.finish()
        total = time.perf_counter() - logged.begun
        watch.stop()
    return {
        "count": count,
        "accepted_per_s": round(count / accepted),
        "recorded_per_s": round(count / total),
        "drain_s": round(total - accepted, 2),
        **percentiles(logged.seconds, "log"),
        "floor_cpu_us": round(floor, 2),
        "log_cpu_us": round(logged.cpu / count * 1e6, 2),
        "burst_cpu_us": round(burst / count * 1e6, 2),
        "all_cpu_us": round((time.process_time() - cpu) / count * 1e6, 2),
        **memory(watch),
        **recorded(home, run.id, WARM_UP + count),
    }


def remote(home: Path, count: int, sync: str) -> Figures:
    """As `rows`; the memory is the service's."""
    options = environment(home, sync)
    started = wabucket(options, "--json", "service", "start")
    try:
        with opened(home, sync) as api:
            run = api.wandb_start_run()
            assert run.client.outlives, "the service is not used"
            warm_up(run)
            watch = Watch(json.loads(started)["pid"])
            logged = log_rows(run, WARM_UP, count)
            accepted = time.perf_counter() - logged.begun
            run.finish()
            total = time.perf_counter() - logged.begun
            watch.stop()
    finally:
        wabucket(options, "service", "stop")
    return {
        "count": count,
        "accepted_per_s": round(count / accepted),
        "recorded_per_s": round(count / total),
        **percentiles(logged.seconds, "log"),
        **memory(watch),
        **recorded(home, run.id, WARM_UP + count),
    }


def artifacts(home: Path, count: int, sync: str) -> Figures:
    """One large file and many small ones, asked for as fast as the calls return; then small ones, each waited for."""
    found = _uploads(home, count, sync, os.getpid())
    assert not found.pop("outlives"), "a service is used"
    return found


def remote_artifacts(home: Path, count: int, sync: str) -> Figures:
    """As `artifacts`; memory and descriptors are the service's."""
    options = environment(home, sync)
    started = wabucket(options, "--json", "service", "start")
    try:
        found = _uploads(home, count, sync, json.loads(started)["pid"])
    finally:
        wabucket(options, "service", "stop")
    assert found.pop("outlives"), "the service is not used"
    return found


def _uploads(home: Path, count: int, sync: str, pid: int) -> Figures:
    sizes, large = [home / f"small-{size}" for size in SMALL], home / "large"
    for path, size in zip(sizes, SMALL, strict=True):
        path.write_bytes(b"x" * size)
    small = sizes[0]
    with open(large, "wb") as file:
        file.truncate(count * LARGE)
    with opened(home, sync) as api:
        run = api.wandb_start_run()
        for number in range(20):
            api.upload(small, f"warm-{number}", "load")
        api.upload(large, "warm-large", "load")
        sends = time_sends(run)
        watch, disk, begun = Watch(pid), DiskWatch(home), time.perf_counter()
        first = api.upload(large, "large", "load", wait=False)
        queued = [(sizes[number % len(sizes)], f"small-{number}") for number in range(count)]
        tickets = [api.upload(path, name, "load", wait=False) for path, name in queued]
        called = time.perf_counter() - begun
        found = [ticket.wait() for ticket in tickets]
        first.wait()
        ended = time.perf_counter() - begun
        watch.stop()
        syncs, asked = disk.stop(), sends[:]
        sends.clear()
        for number in range(count):
            api.upload(small, f"single-{number}", "load")
        run.finish()
    assert [one.artifact.name for one in found] == [f"small-{number}" for number in range(count)]
    return {
        "count": count,
        "asked_per_s": round((count + 1) / called),
        "ended_per_s": round((count + 1) / ended, 1),
        **percentiles(asked, "send"),
        **percentiles(syncs, "disk"),
        **percentiles(sends, "single"),
        "outlives": run.client.outlives,
        "small_first": logged_at(home, "small-0") < logged_at(home, "large"),
        "descriptors": watch.descriptors,
        **memory(watch),
        "versions": ask(home, "SELECT count(*) FROM artifact_version"),
    }


def outage(home: Path, count: int, sync: str) -> Figures:
    """The tracker fails after the first rows; the run ends pending, and another process brings it home."""
    with opened(home, sync) as api:
        run = api.wandb_start_run()
        warm_up(run)
        working = EmbeddedTracker.append_history
        EmbeddedTracker.append_history = down  # type: ignore[method-assign,assignment]
        try:
            watch = Watch()
            logged = log_rows(run, WARM_UP, count)
            accepted = time.perf_counter() - logged.begun
            run.finish()
            watch.stop()
        finally:
            EmbeddedTracker.append_history = working  # type: ignore[method-assign]
    kept = ask(home, "SELECT count(*) FROM history")
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "wabucketref", "--json", "sync"],
        env=environment(home, sync),
        stdout=subprocess.PIPE,
    )
    synced = Watch(process.pid)
    answer, _ = process.communicate()
    drained = time.perf_counter() - begun
    synced.stop()
    return {
        "count": count,
        "accepted_per_s": round(count / accepted),
        "tracking": run.tracking,
        "recorded_before": kept,
        "synced": [item["tracking"] for item in json.loads(answer)["items"]],
        "drained_per_s": round((WARM_UP + count - kept) / drained),
        **percentiles(logged.seconds, "log"),
        **memory(watch),
        "sync_peak_mib": max(synced.resident[:-1]),
        "journals": len(list((home / "journal").glob("*.journal"))),
        **recorded(home, run.id, WARM_UP + count),
    }


# ---- parts of them ---------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def opened(home: Path, sync: str) -> Iterator[WaBucketRefAPI]:
    settings = {"home": str(home), "tracker": "embedded", "journal_sync": sync}
    with WaBucketRefAPI(project_name=PROJECT, settings=settings) as api:
        yield api


def warm_up(run: Run) -> None:
    """What is loaded and allocated once is there before memory is looked at."""
    for number in range(WARM_UP):
        run.log(row(number))
    time.sleep(1.0)


class Logged:
    """Seconds of each call, when the first began, and the processor time of them all."""

    def __init__(self, count: int) -> None:
        self.seconds = array("d", bytes(8 * count))
        self.begun = 0.0
        self.cpu = 0.0


def log_rows(run: Run, start: int, count: int) -> Logged:
    found = Logged(count)
    seconds, clock, log = found.seconds, time.perf_counter, run.log
    cpu, found.begun = time.thread_time(), time.perf_counter()
    for number in range(count):
        values = row(start + number)
        begun = clock()
        log(values)
        seconds[number] = clock() - begun
    found.cpu = time.thread_time() - cpu
    return found


def time_sends(run: Run) -> list[float]:
    """Seconds from each ArtifactSend to its reply, filled in from now on."""
    found: list[float] = []
    transport: Transport = run.client._transport
    send: Callable[[Envelope], Envelope] = transport.send

    def timed(envelope: Envelope) -> Envelope:
        begun = time.perf_counter()
        answer = send(envelope)
        if envelope.request.HasField("artifact_send"):
            found.append(time.perf_counter() - begun)
        return answer

    transport.send = timed  # type: ignore[method-assign]
    return found


def down(*_: object) -> None:
    raise TransientError("the tracker is down", retryable=False)


def memory(watch: Watch) -> Figures:
    return {"growth_mib": watch.growth(), "resident_mib": watch.curve()}


def recorded(home: Path, run_id: str, count: int) -> Figures:
    """Whether the catalog has each row once, in the order in which they were logged."""
    right = ask(
        home,
        "SELECT count(*) FROM history JOIN run ON run.id = run_pk WHERE run_id = ?"
        " AND row_index = step AND row_index = json_extract(data, '$.n')",
        run_id,
    )
    rows = ask(home, "SELECT count(*) FROM history")
    return {"rows": rows, "in_order": right == rows == count}


def logged_at(home: Path, name: str) -> int:
    """The place of an artifact in the order in which the tracker was told of them."""
    place = ask(
        home,
        "SELECT v.id FROM artifact_version v JOIN artifact_sequence s ON s.id = v.sequence_pk WHERE s.name = ?",
        name,
    )
    return int(place)


def ask(home: Path, query: str, *values: str) -> Any:
    with contextlib.closing(sqlite3.connect(home / "catalog.sqlite")) as catalog:
        return catalog.execute(query, values).fetchone()[0]


def environment(home: Path, sync: str) -> dict[str, str]:
    found = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    ours = {"WABUCKET_HOME": str(home), "WABUCKET_TRACKER": "embedded", "WABUCKET_JOURNAL_SYNC": sync}
    return found | ours | {"WANDB_PROJECT": PROJECT, "PYTHONPATH": str(ROOT)}


def wabucket(environ: Mapping[str, str], *words: str) -> str:
    command = [sys.executable, "-m", "wabucketref", *words]
    return subprocess.run(command, env=dict(environ), stdout=subprocess.PIPE, check=True, text=True).stdout


SCENARIOS: Mapping[str, tuple[Callable[[Path, int, str], Figures], int]] = {
    "rows": (rows, 1_000_000),
    "remote": (remote, 100_000),
    "artifacts": (artifacts, 1_000),
    "remote-artifacts": (remote_artifacts, 1_000),
    "outage": (outage, 1_000_000),
}


def measured(scenario: str, count: int, directory: Path, sync: str = "full") -> Figures:
    """Run a scenario in a process of its own, its files in `directory`."""
    words = [scenario, "--count", str(count), "--sync", sync]
    process = subprocess.run(
        [sys.executable, "-m", "tests.load.records", *words],
        cwd=ROOT,
        env=environment(directory, sync) | {"TMPDIR": str(directory)},
        stdout=subprocess.PIPE,
        check=True,
    )
    found: Figures = json.loads(process.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("--count", type=int, help="how many rows or small uploads")
    parser.add_argument("--sync", choices=["full", "normal"], default="full", help="the setting journal_sync")
    options = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(FOREIGN)]:
        del os.environ[name]
    action, usual = SCENARIOS[options.scenario]
    with tempfile.TemporaryDirectory(prefix="load-") as directory:
        print(json.dumps(action(Path(directory), options.count or usual, options.sync), indent=1))


if __name__ == "__main__":
    main()
