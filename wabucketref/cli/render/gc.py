"""What ``gc`` found or removed, as text."""

from typing import TYPE_CHECKING

from wabucketref.cli.render.text import count, moment, printable, size, table

if TYPE_CHECKING:
    from wabucketref.model.garbage import GcResult

_BILLED = "parts of uploads that are not over are billed; a lifecycle rule that aborts them is worth having"


def gc_lines(result: "GcResult") -> list[str]:
    """A line a piece, then what is kept and why, then the sum."""
    rows = [
        (
            one.kind,
            one.what,
            str(one.objects),
            "?" if one.bytes is None else size(one.bytes),
            moment(one.since),
            "" if one.state == "found" else one.state,
            one.explanation or "",
        )
        for one in result.items
    ]
    headings = ("KIND", "WHAT", "OBJECTS", "SIZE", "SINCE", "STATE", "")
    lines = table(headings, rows, right=frozenset({2, 3})) if rows else []
    lines += [printable(f"kept {one.what}: {one.explanation}") for one in result.kept]
    lines += [printable(f"note: {note}") for note in result.notes]
    if any(one.kind == "parts" and one.bytes is None and one.state == "found" for one in result.items):
        lines.append(f"note: {_BILLED}")
    return [*lines, _sum(result)]


def _sum(result: "GcResult") -> str:
    """``3 pieces of garbage, 12 objects, 3.4 MiB, to be removed``."""
    if not result.items:
        return "no garbage"
    pieces = "1 piece" if len(result.counted) == 1 else f"{len(result.counted)} pieces"
    what = "removed" if result.applied else "to be removed"
    return f"{pieces} of garbage, {count(result.objects, 'object')}, {size(result.bytes)} {what}"
