"""Settings and their origins as text and as documents."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wabucketref.cli.render.text import printable, table

if TYPE_CHECKING:
    from wabucketref.settings import Origin


def origin_document(origin: "Origin") -> dict[str, Any]:
    """One setting of ``config list --json``."""
    return {
        "name": origin.name,
        "value": origin.value,
        "source": origin.source,
        "overrode": [{"source": source, "value": value} for source, value in origin.overrode],
    }


def setting_lines(origins: Sequence["Origin"], *, show_origin: bool) -> list[str]:
    """``name = value`` lines, or a table with the sources."""
    if not show_origin:
        return [printable(f"{origin.name} = {_shown(origin.value)}") for origin in origins]
    rows = [(origin.name, _shown(origin.value), origin.source, _overrode(origin)) for origin in origins]
    return table(("SETTING", "VALUE", "SOURCE", "OVERRODE"), rows)


def _shown(value: object) -> str:
    return "" if value is None else str(value)


def _overrode(origin: "Origin") -> str:
    return "; ".join(f"{_shown(value)} ({source})" for source, value in origin.overrode)
