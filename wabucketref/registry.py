"""Finds implementations by name: built-in ones as dotted strings, others from entry points; imports none before use.

A plugin is any installed distribution with an entry point in one of the groups ``wabucketref.storage``, ``.tracker``,
``.context``, ``.outputs``, ``.executor``; the object it names has an ``api_version``. Plugins run with full trust. One
that cannot be imported, was made for another API, or takes a name twice is listed by :meth:`Registry.problems` and
harms nothing else.
"""

import contextlib
import importlib
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wabucketref.errors import UsageError
from wabucketref.model.nearest import nearest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


@dataclass(frozen=True, slots=True)
class PluginProblem:
    """Why one plugin cannot be used."""

    group: str
    name: str
    package: str
    problem: str

    def __str__(self) -> str:
        return f"plugin {self.name!r} of {self.package} ({self.group}): {self.problem}"


@dataclass(frozen=True, slots=True)
class _Found:
    package: str
    entry: "EntryPoint"


class Registry:
    """The implementations of one kind. Thread-safe; keeps what it loaded."""

    def __init__(self, group: str, builtins: Mapping[str, str], *, api_version: int) -> None:
        """`builtins`: name to ``module:attribute``. `api_version`: what a loaded object must declare."""
        self.group = group
        self.api_version = api_version
        self._builtins = dict(builtins)
        self._loaded: dict[str, Any] = {}
        self._plugins: dict[str, list[_Found]] | None = None
        self._lock = threading.RLock()

    def names(self) -> Sequence[str]:
        """All names: built-in ones in their order, then plugins by name. Imports nothing."""
        return [*self._builtins, *sorted(set(self._discovered()) - set(self._builtins))]

    def sources(self) -> Sequence[tuple[str, str | None]]:
        """Every (name, package) in the order of :meth:`names`, clashing plugins included; built-in ones have None.

        Imports nothing.
        """
        plugins = sorted((name, one.package) for name, found in self._discovered().items() for one in found)
        return [*((name, None) for name in self._builtins), *plugins]

    def get(self, name: str) -> Any:
        """The object registered as `name`, imported on first use.

        Raises:
            UsageError: nothing has that name (the hint has the nearest one), or its plugin cannot be used.
        """
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = self._load_builtin(name) if name in self._builtins else self._load_plugin(name)
            return self._loaded[name]

    def problems(self) -> list[PluginProblem]:
        """Every plugin that cannot be used, and why. Imports all of them."""
        problems = []
        for name, found in sorted(self._discovered().items()):
            if name in self._builtins:
                problems += [self._problem(name, one, "the name belongs to a built-in") for one in found]
            elif len(found) > 1:
                others = ", ".join(sorted(one.package for one in found))
                problems += [self._problem(name, one, f"the name is taken by several: {others}") for one in found]
            else:
                try:
                    self.get(name)
                except UsageError as error:
                    problems.append(self._problem(name, found[0], error.message))
        return problems

    def _problem(self, name: str, found: _Found, problem: str) -> PluginProblem:
        return PluginProblem(self.group, name, found.package, problem)

    def _load_builtin(self, name: str) -> Any:
        module, _, attribute = self._builtins[name].partition(":")
        return getattr(importlib.import_module(module), attribute)

    def _load_plugin(self, name: str) -> Any:
        found = self._discovered().get(name, [])
        if not found:
            meant = nearest(name, self.names())
            hint = f"did you mean {meant!r}?" if meant else f"known are {', '.join(self.names())}"
            raise UsageError(f"there is no {self._kind} {name[:80]!r}", hint=hint)
        if len(found) > 1:
            packages = ", ".join(sorted(one.package for one in found))
            raise UsageError(f"{self._kind} {name!r} is registered by {packages}", hint="uninstall all but one")
        return self._checked(name, found[0])

    def _checked(self, name: str, found: _Found) -> Any:
        where = f"{self._kind} {name!r} of the package {found.package}"
        try:
            # What a plugin prints while it is imported must not end in the middle of a JSON document.
            with contextlib.redirect_stdout(sys.stderr):
                loaded = found.entry.load()
        except (Exception, SystemExit) as error:  # a plugin may fail in any way; the cause is kept
            raise UsageError(
                f"{where} cannot be loaded: {type(error).__name__}: {error}", hint=f"update or remove {found.package}"
            ) from error
        version = getattr(loaded, "api_version", None)
        if version != self.api_version:
            raise UsageError(
                f"{where} was made for plugin API {version}, this release has {self.api_version}",
                hint=f"update {found.package} or wabucketref",
            )
        return loaded

    @property
    def _kind(self) -> str:
        return self.group.rpartition(".")[2]

    def _discovered(self) -> dict[str, list[_Found]]:
        with self._lock:
            if self._plugins is None:
                self._plugins = _discover(self.group)
            return self._plugins


def _discover(group: str) -> dict[str, list[_Found]]:
    """Entry points of installed distributions; what lies in the working directory is not installed."""
    from importlib import metadata  # slow to import, and not needed for built-ins

    found: dict[str, dict[str, _Found]] = {}
    for distribution in metadata.distributions(path=_installed_path()):
        for entry in distribution.entry_points.select(group=group):
            package = distribution.metadata["Name"] or "an unnamed package"
            found.setdefault(entry.name, {}).setdefault(package, _Found(package, entry))
    return {name: [one for _, one in sorted(by_package.items())] for name, by_package in found.items()}


def _installed_path() -> list[str]:
    # `python -m` and scripts put their own directory first; a file planted there must not become a plugin.
    here = os.path.abspath(os.curdir)
    return [place for place in sys.path if place and os.path.abspath(place) != here]
