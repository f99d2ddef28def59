"""The path of records: what a row costs its writer, how fast rows come to the tracker, what waits and what it takes."""

from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.local import Figure
from tests.load.records import measured


def record_rates(work: Path, scale: float) -> Iterator[Figure]:
    """Loads of ``tests.load.records``, at `scale` of 200,000 rows and of 300 uploads."""
    yield from _rows(work, max(1_000, int(200_000 * scale)))
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
        yield Figure(
            f"{count} uploads queued: from ArtifactSend to its reply, {words} `fdatasync`, median and 99th percentile",
            f"{found['send_p50_us'] / 1000:.2f} ms, {found['send_p99_us'] / 1000:.2f} ms",
            budget="p99 < 5 ms",
        )
    yield Figure(
        "the same: memory above that of one large upload, at most", f"{found['growth_mib']} MiB", budget="50 MiB"
    )


def _directory(work: Path, name: str) -> Path:
    made = work / name
    made.mkdir()
    return made
