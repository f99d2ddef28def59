"""``python -m tests.benchmarks [--scale 0.05] [--rounds 3] [--only NAME] [--peers DIR] [--endpoint URL] [--write]``."""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks import report
from tests.benchmarks.contenders import CONTENDERS, Contender
from tests.benchmarks.local import journal_rate, startup
from tests.benchmarks.peers import users_tools
from tests.benchmarks.records import record_rates
from tests.benchmarks.server import Target, build, given, start_raw
from tests.benchmarks.transfers import Course, Result, compare
from tests.benchmarks.workloads import workloads
from tests.load.serve import SECTION as SERVER
from tests.tools.markdown import ROOT
from tests.tools.sections import section_of, with_section
from wabucketref.testing.server import serving, user_name

PAGE = ROOT / "docs" / "performance.md"
PLOT = ROOT / "docs" / "performance.svg"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the page, and write it, with its plot, when the scale is the full one."""
    options = parsed(arguments)
    if options.records:
        return only_records(options)
    missing: list[str] = []
    load = os.getloadavg()[1]
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        work = Path(place)
        figures = [
            *startup(work, max(3, options.rounds * 2 + 1)),
            *journal_rate(work, max(100, int(50_000 * options.scale))),
        ]
        records = list(record_rates(work, options.scale))
        results = list(transfers(options, work, missing))
    page = report.Page(results, figures, records, options.rounds, missing, load, options.scale, servers(options))
    publish(page, options)
    return 0


def transfers(options: argparse.Namespace, work: Path, missing: list[str]) -> Iterator[Result]:
    """All courses; what cannot run is added to `missing`."""
    loads = [load for load in workloads(options.scale) if options.workload in load.name]
    plain, slow = [load for load in loads if not load.delay_ms], [load for load in loads if load.delay_ms]
    contenders = able(CONTENDERS, options, missing)
    for scheme in () if options.endpoint else (options.scheme,) if options.scheme else ("HTTP", "TLS"):
        with target(options, work, tls=scheme == "TLS") as server:
            yield from compare(Course(scheme, server, contenders), work, plain, options.rounds, tell)
    if options.endpoint:
        with target(options, work) as server:
            yield from compare(Course("S3", server, contenders), work, plain, options.rounds, tell)
    else:
        for load in slow:
            with target(options, work, delay_ms=load.delay_ms) as server:
                course = Course("HTTP", server, contenders, ("up", "down"))
                yield from compare(course, work, [load], options.rounds, tell)
    yield from users(options, work, missing)


def users(options: argparse.Namespace, work: Path, missing: list[str]) -> Iterator[Result]:
    """The tools of users and this one, on the two workloads that tell most."""
    if not options.peers:
        missing.append("DVC, MLflow, W&B SDK (--peers DIRECTORY, where they can be installed)")
        return
    loads = [load for load in workloads(options.scale) if load.size in (16 << 10, 4 << 20)]
    with serving(work / "serve") as live, target(options, work) as server:
        sdk = live.sdk_environ(user_name(), work / "sdk")
        contenders = able([CONTENDERS[0], *users_tools(Path(options.peers).absolute(), sdk)], options, missing)
        if len(contenders) > 1:
            yield from compare(Course("users", server, contenders, ("up", "down")), work, loads, options.rounds, tell)


def able(contenders: Sequence[Contender], options: argparse.Namespace, missing: list[str]) -> list[Contender]:
    """Those that were asked for and can run."""
    found = []
    for one in contenders:
        if options.only and one.name.split()[0] not in options.only:
            continue
        if problem := one.missing():
            missing.append(f"{one.name} ({problem})")
        else:
            found.append(one)
    return found


@contextmanager
def target(options: argparse.Namespace, work: Path, *, tls: bool = False, delay_ms: int = 0) -> Iterator[Target]:
    """The server that was asked for, as long as the block lasts."""
    if options.endpoint:
        yield given(options.endpoint, options.bucket)
        return
    place = Path(tempfile.mkdtemp(dir=work, prefix="server-"))
    server = start_raw(build(place), place, tls=tls, delay_ms=delay_ms)
    try:
        yield server
    finally:
        server.stop()


def servers(options: argparse.Namespace) -> str:
    return options.endpoint or "the raw server of `tests/benchmarks/s3raw.c` over loopback, its objects in memory"


def only_records(options: argparse.Namespace) -> int:
    """Measure the path of records alone; the rest of the page stays."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        section = report.records_section(list(record_rates(Path(place), options.scale)), os.getloadavg()[1])
    print(section)
    if options.write or options.scale == 1:
        PAGE.write_text(report.with_records(PAGE.read_text(encoding="utf-8"), section), encoding="utf-8")
    return 0


def publish(page: report.Page, options: argparse.Namespace) -> None:
    kept = section_of(PAGE.read_text(encoding="utf-8"), SERVER)  # written by tests.load.serve
    text = with_section(page.text(), SERVER, kept, before="Records")
    print(text)
    if options.write or options.scale == 1:
        PAGE.write_text(text, encoding="utf-8")
        PLOT.write_text(page.plot(), encoding="utf-8")


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=main.__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full workloads (default 1)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (default 3)")
    parser.add_argument("--only", action="append", help="a contender's name; may be repeated (default: all)")
    parser.add_argument("--workload", default="", help="only workloads with this in their name, as '16 KiB'")
    parser.add_argument("--scheme", choices=("HTTP", "TLS"), help="only this one (default: both)")
    parser.add_argument("--peers", help="a directory with environments of DVC and MLflow, which are made there")
    parser.add_argument("--endpoint", help="an S3 server to use, with the credentials of the environment")
    parser.add_argument("--bucket", default="bench", help="the bucket there (default: bench)")
    parser.add_argument("--records", action="store_true", help="only the path of records, no transfers")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md also at another scale")
    return parser.parse_args(arguments)


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
