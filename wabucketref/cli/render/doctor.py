"""Probes as text and as a document."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wabucketref.cli.render.text import printable

if TYPE_CHECKING:
    from wabucketref.operations.doctor import Probe

WORDS = {True: "ok", False: "FAILED", None: "skipped"}


def probe_document(probes: Sequence["Probe"]) -> dict[str, Any]:
    """The document of ``doctor --json``."""
    return {"items": [{"name": one.name, "ok": one.ok, "text": one.text, "hint": one.hint} for one in probes]}


def probe_lines(probes: Sequence["Probe"]) -> list[str]:
    """One line a probe, and its hint below."""
    lines = []
    for one in probes:
        lines.append(printable(f"{WORDS[one.ok]:<7}  {one.name}: {one.text}"))
        if one.hint:
            lines.append(printable(f"         hint: {one.hint}"))
    return lines
