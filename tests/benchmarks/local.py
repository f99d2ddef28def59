"""What needs no server: start-up, a small upload as a whole process, and the journal."""

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.measure import measure
from tests.tools.markdown import ROOT


@dataclass(frozen=True)
class Figure:
    """One line of the report."""

    what: str
    value: str
    cpu: str = ""
    budget: str = ""


def startup(work: Path, times: int) -> Iterator[Figure]:
    """Whole processes, medians; the catalog is there already."""
    (work / "small").mkdir(parents=True)
    for number in range(3):
        (work / "small" / f"{number}.txt").write_text(f"file {number}\n")
    foreign = ("WANDB_", "WABUCKET_", "AWS_")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    environ |= {"WABUCKET_HOME": str(work / "small-home"), "WABUCKET_TRACKER": "embedded", "PYTHONPATH": str(ROOT)}
    wabucket = [sys.executable, "-m", "wabucketref"]
    upload = [*wabucket, "-q", "-p", "bench", "upload", str(work / "small"), "-n", "small", "-t", "dataset"]
    download = [*wabucket, "-q", "-p", "bench", "download", "dataset/small:latest", "-d", str(work / "back")]

    def figure(what: str, command: list[str], budget: str = "") -> Figure:
        measure(command, environ, work)  # warms the disk cache and makes the catalog
        found = [measure(command, environ, work) for _ in range(times)]
        wall, cpu = (statistics.median(getattr(one, field) for one in found) for field in ("wall", "cpu"))
        return Figure(what, f"{wall:.2f} s", f"{cpu:.2f} s", budget)

    yield figure("`python -c pass`, for comparison", [sys.executable, "-c", "pass"])
    yield figure("`wabucket --help`", [*wabucket, "--help"], "≤ 0.3 s")
    yield figure("`wabucket upload --help`", [*wabucket, "upload", "--help"], "≤ 0.3 s")
    yield figure("upload of 3 small files, local bucket", upload, "≤ 0.45 s")
    yield figure("download of 3 small files, local bucket", download, "≤ 0.45 s")


def journal_rate(work: Path, records: int) -> Iterator[Figure]:
    """The journal alone."""
    from wabucketref.service.journal import Journal
    from wabucketref.service.wabucket_pb2 import HistoryRecord, Record

    record = Record(history=HistoryRecord(step=1, time=1.0, values_json='{"loss":0.1,"accuracy":0.5}', commit=True))
    journal = Journal.create(work / "bench.journal")
    yield Figure("append of one record to the journal", _each(lambda: journal.append(record), records))

    def durable() -> None:
        journal.flush(journal.append(record))

    yield Figure("the same, and through to the disk", _each(durable, min(records, 500)))
    journal.remove()


def _each(action: Callable[[], object], times: int) -> str:
    begun = time.perf_counter()
    for _ in range(times):
        action()
    return f"{(time.perf_counter() - begun) / times * 1e6:,.1f} µs"
