"""Lists in pages, as connections with cursors."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from wabucketref.errors import UsageError


@dataclass(frozen=True, slots=True)
class Edge:
    """One item and where it stands."""

    node: Any
    cursor: str


@dataclass(frozen=True, slots=True)
class PageInfo:
    """Where a page ends and whether another follows."""

    has_next_page: bool
    end_cursor: str | None
    has_previous_page: bool = False
    start_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One page; `count` is asked only when a query wants ``totalCount``."""

    edges: Sequence[Edge]
    page_info: PageInfo
    count: Callable[[], int]

    def total_count(self) -> int:
        """Items on all pages."""
        return self.count()


def page(
    fetch: Callable[[int, int], Sequence[Any]],
    count: Callable[[], int],
    *,
    first: int | None,
    after: str | None,
    most: int,
) -> Page:
    """The page after the cursor `after` of at most `first` items.

    `fetch(offset, limit)` reads items in a fixed order; one more than wanted is read to know whether more follow.

    Raises:
        UsageError: `after` is no cursor of ours, or `first` is negative.
    """
    wanted = min(50 if first is None else first, most)
    if wanted < 0:
        raise UsageError("first is negative", hint="give the number of items of one page")
    offset = 0 if not after else position(after) + 1
    found = list(fetch(offset, wanted + 1))
    edges = [Edge(node, cursor(offset + index)) for index, node in enumerate(found[:wanted])]
    info = PageInfo(
        has_next_page=len(found) > wanted,
        end_cursor=edges[-1].cursor if edges else None,
        has_previous_page=offset > 0,
        start_cursor=edges[0].cursor if edges else None,
    )
    return Page(edges, info, count)


def listed(items: Sequence[Any]) -> Page:
    """A list that is whole already, as one page."""
    edges = [Edge(node, cursor(index)) for index, node in enumerate(items)]
    info = PageInfo(has_next_page=False, end_cursor=edges[-1].cursor if edges else None)
    return Page(edges, info, lambda: len(items))


def cursor(position: int) -> str:
    """The cursor of an item."""
    return base64.urlsafe_b64encode(f"at:{position}".encode()).decode()


def position(cursor: str) -> int:
    """The position that a cursor names.

    Raises:
        UsageError: it is none of ours.
    """
    try:
        word, _, digits = base64.urlsafe_b64decode(cursor).decode().partition(":")
        if word == "at" and digits.isascii() and digits.isdigit() and len(digits) < 19:
            return int(digits)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        pass
    raise UsageError(f"{cursor[:100]!r} is no cursor", hint="give one of an earlier page")
