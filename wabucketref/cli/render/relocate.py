"""What ``relocate`` found, as text."""

from typing import TYPE_CHECKING

from wabucketref.cli.render.text import count, printable

if TYPE_CHECKING:
    from wabucketref.model.relocation import RelocateResult


def relocate_lines(result: "RelocateResult") -> list[str]:
    """What stands in the way, and the sum."""
    lines = [
        printable(f"{'/'.join(one.project)} {one.artifact.ref} {one.artifact.version}: {one.state}; {one.explanation}")
        for one in result.troubles
    ]
    found = len(result.items) - len(result.troubles)
    did = "are recorded in" if result.applied else "lie in"
    return [*lines, f"{found} of {count(len(result.items), 'version')} {did} {result.new}"]
