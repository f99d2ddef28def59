"""The page ``docs/performance.md``: medians and ratios."""

import os
import platform
import statistics
from collections.abc import Sequence

from tests.benchmarks.local import Figure
from tests.benchmarks.transfers import Result

HEAD = """\
# Measurements

Written by `make bench`; do not edit. Whole processes, in turns in one run, medians of {rounds} round(s); in brackets
the time relative to `wabucket`. Absolute numbers differ from machine to machine and hour to hour; look at the ratios.

Client and server share the machine: {machine}. Its load average before the run began was {load:.1f}: what is above 0 is
other work, which slows all of them.

"""
TRANSFERS = """\
## Transfers

To and from `rclone serve s3` over loopback, plain HTTP. `wabucket` hashes every byte, checks every download against the
manifest and records a run each way in the embedded tracker; of the others rclone compares checksums. rclone got
`--transfers 32 --checkers 32`, the rest their defaults. CPU is user and system time of the client, memory the peak
resident size of its processes.

"""


RECORDS = """\
## Records

Each load is a process of its own (`python -m tests.load.records`). Rates are wall-clock, and fall with the load of the
machine, of which the average before was {load:.1f}; multiples of the bare loop do not.

"""


def page(
    results: Sequence[Result],
    figures: Sequence[Figure],
    records: Sequence[Figure],
    *,
    rounds: int,
    missing: Sequence[str],
    load: float,
) -> str:
    """The whole page. `load`: the load average before anything was measured."""
    parts = [HEAD.format(rounds=rounds, machine=machine(), load=load), TRANSFERS]
    for workload in dict.fromkeys(result.workload for result in results):
        for direction in ("up", "down"):
            chosen = [one for one in results if (one.workload, one.direction) == (workload, direction)]
            parts.append(f"### {workload}, {direction}\n\n{table(chosen)}\n")
    if missing:
        parts.append(f"Not measured: {'; '.join(missing)}.\n\n")
    parts.append("## On this machine alone\n\n| what | measured | CPU | budget |\n| --- | --- | --- | --- |\n")
    parts += [f"| {figure.what} | {figure.value} | {figure.cpu} | {figure.budget} |\n" for figure in figures]
    parts.append("\n" + records_section(records, load))
    return "".join(parts)


def records_section(figures: Sequence[Figure], load: float) -> str:
    """The section of the path of records, which may be measured alone."""
    lines = [RECORDS.format(load=load), "| what | measured | budget |\n| --- | --- | --- |\n"]
    lines += [f"| {figure.what} | {figure.value} | {figure.budget} |\n" for figure in figures]
    return "".join(lines)


def with_records(page: str, section: str) -> str:
    """`page` with another section of the path of records, its last."""
    return page[: page.index("## Records")] + section


def table(results: Sequence[Result]) -> str:
    """One line a contender."""
    lines = ["| | wall | CPU | peak memory |", "| --- | --- | --- | --- |"]
    names = list(dict.fromkeys(result.contender for result in results))
    names.sort(key=lambda name: name != "wabucket")
    ours = _median(results, names[0], "wall")
    for name in names:
        wall, cpu, peak = (_median(results, name, field) for field in ("wall", "cpu", "peak"))
        lines.append(f"| {name} | {wall:.2f} s ({wall / ours:.2f}) | {cpu:.2f} s | {peak / (1 << 20):,.0f} MiB |")
    return "\n".join(lines) + "\n"


def machine() -> str:
    """Processors, system and Python, without names."""
    return f"{os.cpu_count()} processors, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


def _median(results: Sequence[Result], contender: str, field: str) -> float:
    return statistics.median(getattr(one.measured, field) for one in results if one.contender == contender)
