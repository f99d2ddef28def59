"""The path of records: what a row costs its writer, how fast rows come to the tracker, what waits and what it takes."""

from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.local import Figure
from tests.load.records import Figures, measured


def record_rates(work: Path, scale: float) -> Iterator[Figure]:
    """Loads of ``tests.load.records``, at `scale` of 200,000 rows and of 300 uploads."""
    yield from _rows(work, max(1_000, int(200_000 * scale)))
    yield from _remote_rows(work, max(1_000, int(50_000 * scale)))
    yield from _outage(work, max(1_000, int(200_000 * scale)))
    yield from _uploads(work, max(10, int(300 * scale)))


def _rows(work: Path, count: int) -> Iterator[Figure]:
    found = measured("rows", count, _directory(work, "rows"))
    floor = found["floor_cpu_us"]
    what = f"`run.log`, {count:,} rows of 3 values"
    yield Figure(
        f"{what}: rate of the calls, the embedded tracker at work meanwhile",
        f"{found['accepted_per_s']:,} rows/s",
        budget="≥ 50,000 rows/s",
    )
    yield Figure(
        "the same: until the tracker has them all", f"{found['recorded_per_s']:,} rows/s", budget="≥ 5,000 rows/s"
    )
    yield Figure(
        "the same: time of a call, median and 99th percentile",
        f"{found['log_p50_us']:.0f} µs, {found['log_p99_us']:.0f} µs",
        budget="p99 < 1 ms",
    )
    yield Figure(
        "processor time of a call, and in brackets as a multiple of `json.dumps` and `write(2)` in a bare loop",
        f"{found['log_cpu_us']:.1f} µs ({found['log_cpu_us'] / floor:.1f})",
    )
    yield Figure(
        "the same, and all that follows until the tracker has the row",
        f"{found['all_cpu_us']:.1f} µs ({found['all_cpu_us'] / floor:.1f})",
    )
    yield Figure("memory above that of a run with 10,000 rows, at most", f"{found['growth_mib']} MiB", budget="20 MiB")


def _remote_rows(work: Path, count: int) -> Iterator[Figure]:
    found = measured("remote", count, _directory(work, "remote"))
    what = f"{count:,} rows through the background service"
    yield Figure(f"{what}: rate of the calls", f"{found['accepted_per_s']:,} rows/s", budget="≥ 3,000 rows/s")
    yield Figure(
        "the same: time of a call, median and 99th percentile",
        f"{found['log_p50_us']:.0f} µs, {found['log_p99_us']:.0f} µs",
        budget="p99 < 5 ms",
    )


def _outage(work: Path, count: int) -> Iterator[Figure]:
    found = measured("outage", count, _directory(work, "outage"))
    yield Figure(
        f"{count:,} rows while the tracker is down: rate of the calls",
        f"{found['accepted_per_s']:,} rows/s",
        budget="≥ 50,000 rows/s",
    )
    yield Figure(
        "then `wabucket sync`, the whole process", f"{found['drained_per_s']:,} rows/s", budget="≥ 5,000 rows/s"
    )


def _uploads(work: Path, count: int) -> Iterator[Figure]:
    for sync, words in (("normal", "without"), ("full", "with")):
        found = measured("artifacts", count, _directory(work, f"uploads-{sync}"), sync)
        yield from _replies(found, f"{count} uploads queued, {words} `fdatasync`", "p99 < 5 ms")
    yield Figure(
        "the same: memory above that of one large upload, at most", f"{found['growth_mib']} MiB", budget="50 MiB"
    )
    found = measured("remote-artifacts", count, _directory(work, "uploads-remote"))
    yield from _replies(found, f"{count} uploads queued through the background service", "p99 < 20 ms")


def _replies(found: Figures, what: str, budget: str) -> Iterator[Figure]:
    yield Figure(
        f"{what}: from ArtifactSend to its reply, median and 99th percentile; in brackets a bare `fdatasync` meanwhile",
        f"{_both(found, 'send')} ({_both(found, 'disk')})",
        budget=budget,
    )
    yield Figure("the same, one upload after the other", _both(found, "single"), budget=budget)


def _both(found: Figures, name: str) -> str:
    return f"{found[f'{name}_p50_us'] / 1000:.2f} ms, {found[f'{name}_p99_us'] / 1000:.2f} ms"


def _directory(work: Path, name: str) -> Path:
    made = work / name
    made.mkdir()
    return made
