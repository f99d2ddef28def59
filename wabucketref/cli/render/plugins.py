"""Implementations by kind, built in and installed."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from wabucketref.cli.render.text import printable, table

if TYPE_CHECKING:
    from wabucketref.registry import Described, OptionInfo


def plugin_document(found: Sequence["Described"]) -> dict[str, Any]:
    """As ``schema/plugins.json`` says."""
    return {"items": [_item(one) for one in found]}


def _item(one: "Described") -> dict[str, Any]:
    capabilities = None if one.capabilities is None else list(one.capabilities)
    return asdict(one) | {"capabilities": capabilities, "options": [asdict(option) for option in one.options]}


def plugin_lines(found: Sequence["Described"]) -> list[str]:
    """One line an implementation, then the options of those that have some."""
    rows = [(one.kind, one.name, _origin(one), ", ".join(one.capabilities or ()), one.problem or "") for one in found]
    return [*table(("KIND", "NAME", "FROM", "CAPABILITIES", "PROBLEM"), rows), *_options(found)]


def _origin(one: "Described") -> str:
    return "built in" if one.package is None else f"{one.package} {one.version or ''}".rstrip()


def _options(found: Sequence["Described"]) -> Iterator[str]:
    rows = [(one.option, one.variable, _value(one), one.description) for each in found for one in each.options]
    if rows:
        yield ""
        yield from table(("OPTION", "VARIABLE", "VALUE", "MEANING"), rows)


def _value(option: "OptionInfo") -> str:
    if option.required:
        return f"{option.type}, must be given"
    return option.type if option.default is None else printable(f"{option.type}, default {option.default}")
