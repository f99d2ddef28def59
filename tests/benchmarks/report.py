"""The page that the benchmarks write: tables of medians and ratios, and their plot."""

import os
import platform
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.benchmarks.local import Figure
from tests.benchmarks.plot import bars
from tests.benchmarks.transfers import Result
from tests.tools.markdown import ROOT

OURS, FLOOR = "wabucket", "raw floor"
HEAD = """\
# Measurements

Written by `make bench`; do not edit. Whole processes, in turns in one run, medians of {rounds} round(s), of fsspec
and the tools of users one; workloads at {scale:g} of their full size; in brackets the time relative to `wabucket`.
Absolute numbers differ from machine to machine and hour to hour; look at the ratios.

Client and server share the machine: {machine}. Its load average before the run began was {load:.1f}: what is above
0 is other work, which slows all of them. Why the engine is built as it is: [decision
0001](decisions/0001-digest-blake3.md) for the hash, [decision {decision}]({page}) for the rest.

![time relative to wabucket](performance.svg)

"""
TRANSFERS = """\
## Transfers

To and from {server}. `wabucket` hashes every byte, checks every download against the manifest, makes what it wrote
durable and records a run each way in the embedded tracker; of the others rclone compares checksums. rclone got
`--transfers 32 --checkers 32`, the rest their defaults; what is unchanged is a `sync` for s5cmd. The raw floor
makes the product's own store calls and nothing else: no hashing, no manifest, no record, nothing durable. CPU is
user and system time of the client, memory the peak resident size of its processes, and server the CPU time of the
server meanwhile: where it comes near the wall time times the processors, the server is what was measured.

Starting up is part of it, which at small scales is most of what `wabucket` needs: the section on this machine alone
has it. Its unchanged upload is one under a new alias, whose objects are copied within the store; s5cmd and rclone
look at the same place again, where there is nothing to do. The raw server takes conditions on copies as AWS does since
October 2025, and a copy is a second name for the same bytes there, so that the requests are what is measured. It checks
the CRC32C of bodies as AWS does, where one is sent (`wabucket` does then, instead of MD5); at an MD5 it does not look.

"""
USERS = """\
## What teams use today

The same files pushed and fetched by other tools, each with its own record of it. DVC: `add` and `push`, then `pull`
with an empty cache; MLflow: `log_artifacts` and `download_artifacts`, tracked in SQLite; W&B's SDK: the files in
the artifact itself, to a server on this machine.

"""
RECORDS = """\
## Records

Each load is a process of its own (`python -m tests.load.records`). Rates are wall-clock, and fall with the load of
the machine, of which the average before was {load:.1f}; multiples of the bare loop do not.

"""
_SECTIONS: Mapping[str, str] = {"HTTP": TRANSFERS, "TLS": "", "S3": TRANSFERS, "users": USERS}


@dataclass(frozen=True)
class Page:
    """Everything that was measured in one run."""

    results: Sequence[Result]
    figures: Sequence[Figure]
    records: Sequence[Figure]
    rounds: int
    missing: Sequence[str]
    load: float
    """The load average before anything was measured."""
    scale: float
    server: str

    def text(self) -> str:
        """The page."""
        facts = {"rounds": self.rounds, "scale": self.scale, "machine": machine(), "load": self.load}
        decision = next((ROOT / "docs" / "decisions").glob("*-transfer-engine.md")).name
        parts = [HEAD.format(**facts, decision=decision[:4], page=f"decisions/{decision}")]
        for section, intro in _SECTIONS.items():
            if any(one.section == section for one in self.results):
                parts += [intro.format(server=self.server), *self._section(section)]
        if self.missing:
            parts.append(f"Not measured: {'; '.join(self.missing)}.\n\n")
        parts.append("## On this machine alone\n\n| what | measured | CPU | budget |\n| --- | --- | --- | --- |\n")
        parts += [f"| {figure.what} | {figure.value} | {figure.cpu} | {figure.budget} |\n" for figure in self.figures]
        parts.append("\n" + records_section(self.records, self.load))
        return "".join(parts)

    def _section(self, section: str) -> Iterator[str]:
        found = [one for one in self.results if one.section == section]
        for workload in dict.fromkeys(one.workload for one in found):
            yield f"### {workload}{f', {section}' if section != 'users' else ''}\n\n"
            yield table([one for one in found if one.workload == workload]) + "\n"

    def plot(self) -> str:
        """The wall times of both directions relative to ours, as SVG."""
        groups: dict[str, dict[str, float]] = {}
        for one in self.results:
            if one.step in ("up", "down"):
                title = f"{one.workload}, {one.step}, {one.section}"
                same = [other for other in self.results if _key(other) == _key(one)]
                groups[title] = _relative(same)
        return bars(groups)


def records_section(figures: Sequence[Figure], load: float) -> str:
    """The section of the path of records, which may be measured alone."""
    lines = [RECORDS.format(load=load), "| what | measured | budget |\n| --- | --- | --- |\n"]
    lines += [f"| {figure.what} | {figure.value} | {figure.budget} |\n" for figure in figures]
    return "".join(lines)


def with_records(page: str, section: str) -> str:
    """`page` with another section of the path of records, its last."""
    return page[: page.index("## Records")] + section


def table(results: Sequence[Result]) -> str:
    """The results of one workload: one line a contender and step, and how we stand to the best and to the floor."""
    lines = ["| | | wall | CPU | peak memory | server |", "| --- | --- | --- | --- | --- | --- |"]
    for step in dict.fromkeys(one.step for one in results):
        these = [one for one in results if one.step == step]
        ratios = _relative(these)
        for name, ratio in ratios.items():
            wall, cpu, peak = (_median(these, name, field) for field in ("wall", "cpu", "peak"))
            server = statistics.median(one.server_cpu for one in these if one.contender == name)
            shown = f"| {wall:.2f} s ({ratio:.2f}) | {cpu:.2f} s | {peak / (1 << 20):,.0f} MiB | {server:.2f} s |"
            lines.append(f"| {step} | {name} {shown}")
        lines += [f"| {step} | *{said}* | | | | |" for said in _standing(ratios)]
    return "\n".join(lines) + "\n"


def _standing(ratios: Mapping[str, float]) -> Iterator[str]:
    peers = [ratio for name, ratio in ratios.items() if name not in (OURS, FLOOR)]
    if peers and OURS in ratios:
        yield f"to the best of the others: {1 / min(peers):.2f}"
    if FLOOR in ratios and OURS in ratios:
        yield f"to the floor: {1 / ratios[FLOOR]:.2f}"


def _relative(results: Sequence[Result]) -> dict[str, float]:
    """Median wall times relative to ours (without ours: to the first), ours first."""
    names = sorted(dict.fromkeys(one.contender for one in results), key=lambda name: name != OURS)
    base = _median(results, names[0], "wall")
    return {name: _median(results, name, "wall") / base for name in names}


def _key(result: Result) -> tuple[str, str, str]:
    return result.section, result.workload, result.step


def machine() -> str:
    """Processors, system and Python, without names."""
    return f"{os.cpu_count()} processors, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


def _median(results: Sequence[Result], contender: str, field: str) -> float:
    return statistics.median(getattr(one.measured, field) for one in results if one.contender == contender)
