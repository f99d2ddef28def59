"""The header Range: which part of an object a client wants."""

import re
from typing import Final

_ONE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def part_of(header: str | None, size: int) -> tuple[int, int] | None:
    """(start, stop) of the one range that `header` asks for; None where the whole is to be sent.

    Raises:
        ValueError: nothing of the object lies in the range.
    """
    found = _ONE.fullmatch(header or "")
    if found is None or found[1] == found[2] == "":
        return None  # a server may ignore what it does not understand
    if not found[1]:
        start, stop = max(0, size - int(found[2])), size
    else:
        start = int(found[1])
        stop = min(size, int(found[2]) + 1) if found[2] else size
        if found[2] and int(found[2]) < start:
            return None
    if start >= stop:
        raise ValueError
    return start, stop
