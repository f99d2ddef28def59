"""Words for people: safe text, sizes, times, tables."""

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Final

_JOINERS: Final = "\u200c\u200d"
"""Format characters that Persian, Indic scripts and emoji need; the others could reorder or hide text."""


def printable(text: str) -> str:
    """`text` on one line, with control characters, lone surrogates and direction marks as escapes."""
    if text.isprintable():
        return text
    return "".join(character if _is_harmless(character) else _escape(character) for character in text)


def _is_harmless(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def size(count: float) -> str:
    """A number of bytes: ``512 B``, ``1.5 MiB``."""
    if count < 1024:
        return f"{count:.0f} B"
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        count /= 1024
        if count < 1023.95:
            return f"{count:.1f} {unit}"
    return f"{count / 1024:.1f} PiB"


def duration(seconds: float) -> str:
    """``H:MM:SS``, as an estimate of what is left."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def moment(when: datetime | None) -> str:
    """A time in UTC to the second; empty for None."""
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ") if when else ""


def count(number: int, noun: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def width(text: str) -> int:
    """Columns that `text` takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if character in _JOINERS or unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], right: frozenset[int] = frozenset()) -> list[str]:
    """Aligned lines under `headings`; columns numbered in `right` are flush right. Never cut to a terminal's width."""
    cells = [list(headings), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(width(row[column]) for row in cells) for column in range(len(headings))]
    return [_line(row, widths, right) for row in cells]


def long_table(
    headings: Sequence[str], rows: Callable[[], Iterable[Sequence[str]]], right: frozenset[int] = frozenset()
) -> Iterator[str]:
    """As :func:`table`, line by line: the rows are made twice, and never are all of them in memory."""
    widths = [width(heading) for heading in headings]
    for row in rows():
        widths = [max(known, width(printable(cell))) for known, cell in zip(widths, row, strict=True)]
    for row in chain([headings], rows()):
        yield _line([printable(cell) for cell in row], widths, right)


def _line(row: Sequence[str], widths: Sequence[int], right: frozenset[int]) -> str:
    padded = []
    for column, cell in enumerate(row):
        gap = " " * (widths[column] - width(cell))
        padded.append(gap + cell if column in right else cell + gap)
    return "  ".join(padded).rstrip()


def fields(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """``name  value`` lines, aligned; pairs without a value are left out."""
    kept = [(name, printable(value)) for name, value in pairs if value]
    widest = max((len(name) for name, _ in kept), default=0)
    return [f"{name:<{widest}}  {value}" for name, value in kept]
