"""Implementations by kind, built in and installed."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from wabucketref.cli.render.text import table

if TYPE_CHECKING:
    from wabucketref.registry import Registry


@dataclass(frozen=True)
class Listed:
    """One implementation."""

    kind: str
    name: str
    package: str | None
    """Of a plugin; None for what is built in."""
    problem: str | None = None
    """Why a plugin cannot be used."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def listed(registries: Mapping[str, "Registry"]) -> list[Listed]:
    """All of every kind; imports every plugin to see whether it can be used."""
    found = []
    for kind, registry in registries.items():
        problems = {(one.name, one.package): one.problem for one in registry.problems()}
        for name, package in registry.sources():
            found.append(Listed(kind, name, package, problems.get((name, package or ""))))
    return found


def plugin_lines(found: list[Listed]) -> list[str]:
    """One line an implementation."""
    rows = [(one.kind, one.name, one.package or "built in", one.problem or "") for one in found]
    return table(("KIND", "NAME", "FROM", "PROBLEM"), rows)
