"""Runs the snippets of a page: its shell and Python blocks, in order, as one shell session in an empty directory."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NOT_RUN = re.compile(r"<!-- not run: (.+?) -->\n\Z", re.DOTALL)
_RUNNABLE = ("sh", "python")


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    language: str
    text: str
    line: int
    not_run: str | None
    """Why it is not run, from the comment before it."""

    @property
    def runs(self) -> bool:
        return self.language in _RUNNABLE and self.not_run is None


@dataclass(frozen=True)
class Outcome:
    """What one block printed."""

    block: Block
    out: str
    err: str


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        reason = _NOT_RUN.search(text[: match.start()])
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(match[1], match[2], line, reason[1] if reason else None))
    return found


def run(page: Path, work: Path, environ: Mapping[str, str], before: str = "", *, seconds: float = 100) -> list[Outcome]:
    """Run the page's blocks; `before` is shell that prepares what the page takes for granted.

    Raises:
        AssertionError: a block failed; the message has its line and output.
    """
    runnable = [block for block in blocks(page) if block.runs]
    logs = work.parent / f"{work.name}-output"
    logs.mkdir()
    result = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", _script(runnable, before, logs)],
        cwd=work,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ, "PATH": f"{shims(logs)}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    outcomes = list(_outcomes(runnable, logs))
    last = outcomes[-1] if outcomes else None
    where = f"{page.name}:{last.block.line}\n{last.block.text}\n{last.out}\n{last.err}" if last else page.name
    assert result.returncode == 0, f"exit {result.returncode} at {where}\n{result.stdout}{result.stderr}"
    return outcomes


def mismatches(page: Path, outcomes: list[Outcome]) -> list[str]:
    """Outputs that the page shows in a ``text`` block right after a shell block, and that were not printed.

    ``…`` in the page stands for anything within a line.
    """
    shown = blocks(page)
    by_line = {outcome.block.line: outcome for outcome in outcomes}
    found = []
    for first, second in pairwise(shown):
        if second.language == "text" and first.line in by_line and second.not_run is None:
            pattern = ".*".join(re.escape(part) for part in second.text.rstrip().split("…"))
            printed = by_line[first.line].out.rstrip()
            if not re.fullmatch(pattern, "\n".join(line.rstrip() for line in printed.splitlines())):
                found.append(f"{page.name}:{second.line} shows\n{second.text}\nbut it printed\n{printed}")
    return found


def shims(directory: Path) -> Path:
    """A directory whose ``wabucket`` and ``python`` are those of this interpreter."""
    place = directory / "bin"
    place.mkdir(exist_ok=True)
    for name, module in (("wabucket", "-m wabucketref "), ("python", "")):
        script = place / name
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {module}"$@"\n')
        script.chmod(0o755)
    return place


def _script(runnable: list[Block], before: str, logs: Path) -> str:
    parts = [before]
    for number, block in enumerate(runnable):
        body = block.text if block.language == "sh" else f"python - <<'END-OF-BLOCK'\n{block.text}END-OF-BLOCK\n"
        parts.append(f"{{\n{body}}} >{logs}/{number}.out 2>{logs}/{number}.err")
    return "\n".join(parts)


def _outcomes(runnable: list[Block], logs: Path) -> Iterator[Outcome]:
    for number, block in enumerate(runnable):
        out, err = logs / f"{number}.out", logs / f"{number}.err"
        if out.exists():
            yield Outcome(block, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))
