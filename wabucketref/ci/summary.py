"""What an upload made, as Markdown for people: a small table, and the lineage as a chart."""

from collections.abc import Sequence
from typing import Final

from wabucketref.contracts.outputs import OutputFacts
from wabucketref.model.mermaid import Shape, flowchart

_MAX_ROWS: Final = 10
"""Of metadata; what has more is looked at elsewhere."""
_MAX_CELL: Final = 300


def table(facts: OutputFacts) -> str:
    """A table of two columns, each cell a harmless text."""
    rows = {
        "artifact": facts.ref,
        "version": facts.version or "",
        "location": facts.uri,
        "digest": facts.digest,
        "run": facts.run,
    }
    shown = [(name, value) for name, value in rows.items() if value]
    shown += [(f"metadata {key}", str(value)) for key, value in list(facts.metadata.items())[:_MAX_ROWS]]
    lines = [f"| {_cell(name)} | <code>{_cell(value)}</code> |" for name, value in shown]
    return "\n".join(["| WaBucketRef | |", "| --- | --- |", *lines, ""])


def chart(facts: OutputFacts) -> str:
    """What the run used, the run, and what it made."""
    inputs: Sequence[str] = facts.inputs
    nodes: list[tuple[Shape, str]] = [("box", one) for one in inputs]
    nodes += [("rounded", facts.run or "run"), ("box", facts.ref)]
    run = len(inputs)
    edges = [*((number, run) for number in range(run)), (run, run + 1)]
    return "\n".join(["```mermaid", *flowchart(nodes, edges), "```", ""])


def _cell(value: str) -> str:
    """Text that ends no cell, row or element, and is no Markdown of its own."""
    from html import escape  # loaded where a summary is written

    plain = " ".join("".join(one if one.isprintable() else " " for one in value[: 4 * _MAX_CELL]).split())
    if len(plain) > _MAX_CELL:
        plain = f"{plain[:_MAX_CELL]}…"
    return "".join(one if one not in _MARKS else f"&#{ord(one)};" for one in escape(plain))


_MARKS: Final = frozenset("|`*_[]\\~!@:")
"""What starts a cell, code, emphasis, a link, an image, or has GitHub notify somebody or link an issue."""
