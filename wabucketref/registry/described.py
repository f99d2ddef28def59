"""Every implementation with what can be said of it, for ``wabucket plugins``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from wabucketref.errors import WaBucketError
from wabucketref.registry.options import OptionInfo, option_infos
from wabucketref.registry.registry import Registry


@dataclass(frozen=True, slots=True)
class Described:
    """One implementation."""

    kind: str
    name: str
    package: str | None
    """Of a plugin; None for what is built in."""
    version: str | None = None
    """Of the package."""
    capabilities: tuple[str, ...] | None = None
    """What it declares to be able to do; None where it declares nothing before it is opened."""
    options: tuple[OptionInfo, ...] = ()
    problem: str | None = None
    """Why a plugin cannot be used."""


def described(registries: Mapping[str, Registry]) -> list[Described]:
    """All of every kind; imports every plugin to see whether it can be used."""
    return [one for kind, registry in registries.items() for one in _of(kind, registry)]


def _of(kind: str, registry: Registry) -> Iterator[Described]:
    problems = {(one.name, one.package): one.problem for one in registry.problems()}
    for source in registry.sources():
        where = (kind, source.name, source.package, source.version)
        problem = problems.get((source.name, source.package or ""))
        if problem is not None:
            yield Described(*where, problem=problem)
            continue
        try:
            loaded = registry.get(source.name)
        except WaBucketError as error:
            yield Described(*where, problem=error.message)
            continue
        yield Described(*where, capabilities(loaded), tuple(option_infos(source.name, loaded)))


def capabilities(plugin: Any) -> tuple[str, ...] | None:
    """The names of what its ``capabilities``, a dataclass of facts, has switched on."""
    found = getattr(plugin, "capabilities", None)
    if not is_dataclass(found) or isinstance(found, type):
        return None
    return tuple(field.name for field in fields(found) if getattr(found, field.name) is True)
