"""What ``rebuild`` recorded, as text."""

from typing import TYPE_CHECKING

from wabucketref.cli.render.text import count, printable, table

if TYPE_CHECKING:
    from wabucketref.model.rebuilt import RebuildResult


def rebuild_lines(result: "RebuildResult") -> list[str]:
    """A line a project, what was left out and why, and the sum."""
    projects = [result.projects[key] for key in sorted(result.projects)]
    rows = [(f"{one.entity}/{one.project}", str(one.added), str(one.known)) for one in projects]
    lines = [f"the damaged catalog was moved to {result.set_aside}"] if result.set_aside else []
    lines += table(("PROJECT", "ADDED", "KNOWN"), rows, right=frozenset({1, 2})) if rows else []
    lines += [f"{one.problem} {one.what}: {one.explanation}" for one in result.skipped]
    return [*map(printable, lines), _sum(result)]


def _sum(result: "RebuildResult") -> str:
    """``12 uploads recorded, 4 runs; 5 known before; 3 of them without a manifest``."""
    unverified = f"; {result.unverified} of them without a manifest" if result.unverified else ""
    recorded = f"{count(result.added, 'upload')} recorded, {count(result.runs, 'run')}"
    return f"{recorded}; {result.known} known before{unverified}"
