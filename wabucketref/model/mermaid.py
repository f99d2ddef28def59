"""Flowcharts in Mermaid's language, of names that may be hostile.

Nodes are numbered by us, and names appear only inside quoted labels, in which all but harmless characters are entities.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

Shape = Literal["box", "rounded"]


def flowchart(nodes: Sequence[tuple[Shape, str]], edges: Iterable[tuple[int, int]]) -> list[str]:
    """The lines of a chart from left to right; `nodes` are (shape, label), `edges` pairs of their positions."""
    lines = ["flowchart LR"]
    for number, (shape, label) in enumerate(nodes):
        text = f'"{_text(label)}"'
        lines.append(f"  n{number}[{text}]" if shape == "box" else f"  n{number}([{text}])")
    return [*lines, *(f"  n{start} --> n{end}" for start, end in edges)]


def _text(text: str) -> str:
    """Anything but letters, digits and the characters of references as Mermaid's numbered entities."""
    return "".join(
        character if character.isalnum() or character in " /:._-" else f"#{ord(character)};"
        for character in text
        if character.isprintable()
    )
