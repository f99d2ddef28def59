"""What ``verify --all`` found, as text."""

from collections import Counter
from typing import TYPE_CHECKING

from wabucketref.cli.render.text import count, printable, size

if TYPE_CHECKING:
    from wabucketref.model.audit import CheckedVersion, VerifyAllResult

_FINDINGS = {"waiting": "journal", "unfinished": "unfinished", "orphan": "orphan"}


def verify_all_lines(result: "VerifyAllResult") -> list[str]:
    """What is not as it should be, one thing a line, and the sum of it all."""
    lines = [line for item in result.items for line in _item_lines(item)]
    lines += [printable(f"{_FINDINGS[one.kind]} {one.what}: {one.explanation}") for one in result.findings]
    return [*lines, _sum(result)]


def _item_lines(item: "CheckedVersion") -> list[str]:
    if item.state == "ok" and item.recorded and not item.extra:
        return []
    words = [item.state if item.recorded else f"{item.state}, not recorded"]
    words += [item.explanation] if item.explanation else []
    lines = [f"{item.artifact.ref}: {'; '.join(words)}"]
    lines += [f"  {one.path}: {one.problem}, expected {one.expected}, found {one.found}" for one in item.damage]
    lines += [f"  {path}: not in the manifest" for path in item.extra]
    return [printable(line) for line in lines]


def _sum(result: "VerifyAllResult") -> str:
    """``12 versions (3.4 MiB, every byte read): 11 ok, 1 damaged``."""
    how = "every byte read" if result.deep else "presence and sizes"
    total = sum(item.artifact.bytes for item in result.items)
    states = Counter(item.state for item in result.items)
    found = ", ".join(f"{number} {state}" for state, number in sorted(states.items(), key=lambda one: one[0] != "ok"))
    return f"{count(len(result.items), 'version')} ({size(total)}, {how}): {found or 'nothing to check'}"
