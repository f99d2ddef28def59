"""Settings and their origins as text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wabucketref.cli.render.text import printable, table

if TYPE_CHECKING:
    from wabucketref.settings import Origin


def setting_lines(origins: Sequence["Origin"], *, show_origin: bool) -> list[str]:
    """``name = value`` lines, or a table with the sources."""
    if not show_origin:
        return [printable(f"{origin.name} = {origin.shown}").rstrip() for origin in origins]
    rows = [(origin.name, origin.shown, origin.source, _overrode(origin)) for origin in origins]
    return table(("SETTING", "VALUE", "SOURCE", "OVERRODE"), rows)


def _overrode(origin: "Origin") -> str:
    return "; ".join(f"{one.shown} ({one.source})" for one in origin.overrode)
