"""``python -m tests.benchmarks [--scale 0.05] [--rounds 3] [--records] [--write]``."""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import report
from tests.benchmarks.contenders import CONTENDERS
from tests.benchmarks.local import journal_rate, startup
from tests.benchmarks.records import record_rates
from tests.benchmarks.transfers import compare, workloads
from tests.servers import start_rclone
from tests.tools.markdown import ROOT

PAGE = ROOT / "docs" / "performance.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the page, and write it when the scale is the full one."""
    options = parsed(arguments)
    if options.records:
        return only_records(options)
    chosen = [one for one in CONTENDERS if not options.only or one.name.split()[0] in options.only]
    missing = [f"{one.name} ({one.missing()})" for one in chosen if one.missing()]
    able = [one for one in chosen if not one.missing()]
    load = os.getloadavg()[1]
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        work = Path(place)
        figures = [
            *startup(work, max(3, options.rounds * 2 + 1)),
            *journal_rate(work, max(100, int(50_000 * options.scale))),
        ]
        records = list(record_rates(work, options.scale))
        server = start_rclone(work / "server")
        try:
            results = list(compare(server, work, able, workloads(options.scale), options.rounds, tell))
        finally:
            server.stop()
    text = report.page(results, figures, records, rounds=options.rounds, missing=missing, load=load)
    publish(text, options)
    return 0


def only_records(options: argparse.Namespace) -> int:
    """Measure the path of records alone; the rest of the page stays."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        section = report.records_section(list(record_rates(Path(place), options.scale)), os.getloadavg()[1])
    print(section)
    if options.write or options.scale == 1:
        PAGE.write_text(report.with_records(PAGE.read_text(encoding="utf-8"), section), encoding="utf-8")
    return 0


def publish(text: str, options: argparse.Namespace) -> None:
    print(text)
    if options.write or options.scale == 1:
        PAGE.write_text(text, encoding="utf-8")


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=main.__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full workloads (default 1)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured (default 3)")
    parser.add_argument("--only", action="append", help="a contender's name; may be repeated (default: all)")
    parser.add_argument("--records", action="store_true", help="only the path of records, no transfers")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md also at another scale")
    return parser.parse_args(arguments)


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
