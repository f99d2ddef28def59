"""Writes ``docs/reference/reliability.md`` from the marks of tests: ``python -m tests.tools.reliability [--check]``."""

import sys
from collections.abc import Iterable
from itertools import groupby

from tests.faults.rows import NOT_YET, Row, Shown, families, rows, shown
from tests.tools.generate import run

PAGE = "reference/reliability.md"
HEAD = """\
<!-- Written by `python -m tests.tools.reliability` from tests/faults/rows.toml and the marks of tests; do not edit.
     When two branches changed it: take either side, then write it again. -->
# Reliability

What happens when input is bad, processes die, disks fill, networks fail or somebody means harm, and the tests that show
it. Numbers are [exit codes](exit-codes.md); Python raises the exception of that code. Unless a row says otherwise,
after each failure nothing is on stdout, `error:` and `hint:` are on stderr without a traceback, no upload is half
visible, the destination is as before, and the same command works once the cause is gone.

`pytest -k N1` runs the tests of row N1.
"""


def page() -> str:
    """The whole page: a table a family."""
    marks = shown()
    known = sorted(rows().values(), key=lambda row: row.order)
    parts = [HEAD]
    for letter, title in families().items():
        lines = [f"## {title}", "", "| row | case | what happens | shown by |", "| --- | --- | --- | --- |"]
        lines += [line(row, [mark for mark in marks if mark.row == row.id]) for row in known if row.id[0] == letter]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def line(row: Row, marks: Iterable[Shown]) -> str:
    """One row of the table."""
    tests = [
        f"[{path}](../../tests/{path}): " + ", ".join(f"`{mark.test}`" for mark in group)
        for path, group in groupby(marks, key=lambda mark: mark.path)
    ]
    if row.open and not (tests and row.open == NOT_YET):
        tests.append(f"**open**: {row.open}")
    cells = (row.id, row.case, row.promise, "; ".join(tests))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    sys.exit(run(PAGE, page()))
