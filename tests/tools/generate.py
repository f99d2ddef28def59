"""Shared by the generators: where pages go, and how they are written or compared."""

import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def run(name: str, text: str) -> int:
    """Write ``docs/NAME``; with ``--check`` only compare. The exit code."""
    path = DOCS / name
    if "--check" not in sys.argv[1:]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return 0
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return 0
    print(f"docs/{name} is out of date", file=sys.stderr)
    return 1
