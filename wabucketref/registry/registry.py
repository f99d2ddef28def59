"""Finds implementations by name: built-in ones as dotted strings, others from entry points; imports none before use.

A plugin is any installed distribution with an entry point in one of the groups ``wabucketref.storage``, ``.tracker``,
``.context``, ``.outputs``, ``.executor``; the object it names has an ``api_version``. Plugins run with full trust. One
that cannot be imported, was made for another API, or takes a name twice is listed by :meth:`Registry.problems` and
harms nothing else.
"""

import contextlib
import importlib
import sys
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wabucketref.errors import UsageError
from wabucketref.installed import Installed, NothingInstalled, Registered
from wabucketref.model.nearest import nearest
from wabucketref.registry.options import options_problem, says_where


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
class Source:
    """A name and where it is from."""

    name: str
    package: str | None = None
    """None for what is built in."""
    version: str | None = None


class Registry:
    """The implementations of one kind. Thread-safe; keeps what it loaded."""

    def __init__(
        self,
        group: str,
        builtins: Mapping[str, str],
        *,
        api_version: int,
        installed: Installed | None = None,
        offered: Mapping[str, str] | None = None,
        reserved: Collection[str] = (),
        members: Collection[str] = (),
    ) -> None:
        """Nothing is looked for yet.

        Args:
            group: of the entry points.
            builtins: name to ``module:attribute``.
            api_version: what a loaded object must declare.
            installed: where entry points are found, shared by the kinds.
            offered: names that a package of ours has, to the package, for the hint where it is not installed.
            reserved: further options of the command line, which no plugin's option may be.
            members: what a loaded object must have.
        """
        self.group = group
        self.api_version = api_version
        self._builtins = dict(builtins)
        self._installed = installed or Installed()
        self._offered = dict(offered or {})
        self._reserved = reserved
        self._members = members
        self._loaded: dict[str, Any] = {}
        self._plugins: dict[str, list[Registered]] | None = None
        self._lock = threading.RLock()

    @property
    def looks_for_plugins(self) -> bool:
        """False when only what is built in counts."""
        return not isinstance(self._installed, NothingInstalled)

    def names(self) -> Sequence[str]:
        """All names: built-in ones in their order, then plugins by name. Imports nothing."""
        return [*self._builtins, *sorted(set(self._discovered()) - set(self._builtins))]

    def sources(self) -> Sequence[Source]:
        """Every name with its package in the order of :meth:`names`, clashing plugins included. Imports nothing."""
        found = sorted(self._discovered().items())
        plugins = [Source(name, one.package, one.version) for name, several in found for one in several]
        return [*(Source(name) for name in self._builtins), *plugins]

    def offers(self, name: str) -> bool:
        """Whether `name` is known: built in, installed, or of a package of ours that may be installed."""
        return name in self._builtins or name in self._discovered() or name in self._offered

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
                    problem = options_problem(name, self.get(name), self._reserved)
                except UsageError as error:
                    problem = error.message
                if problem is not None:
                    problems.append(self._problem(name, found[0], problem))
        return problems

    def _problem(self, name: str, found: Registered, problem: str) -> PluginProblem:
        return PluginProblem(self.group, name, found.package, problem)

    def _load_builtin(self, name: str) -> Any:
        module, _, attribute = self._builtins[name].partition(":")
        return getattr(importlib.import_module(module), attribute)

    def _load_plugin(self, name: str) -> Any:
        found = self._discovered().get(name, [])
        if not found and name in self._offered:
            package = self._offered[name]
            raise UsageError(f"the {self._kind} {name!r} needs {package}", hint=f"pip install {package}")
        if not found:
            meant = nearest(name, self.names())
            hint = f"did you mean {meant!r}?" if meant else f"known are {', '.join(self.names())}"
            raise UsageError(f"there is no {self._kind} {name[:80]!r}", hint=hint)
        if len(found) > 1:
            packages = ", ".join(sorted(one.package for one in found))
            raise UsageError(f"{self._kind} {name!r} is registered by {packages}", hint="uninstall all but one")
        return self._checked(name, found[0])

    def _checked(self, name: str, found: Registered) -> Any:
        where = f"{self._kind} {name!r} of the package {found.package}"
        try:
            # What a plugin prints while it is imported must not end in the middle of a JSON document.
            with contextlib.redirect_stdout(sys.stderr):
                loaded = found.entry.load()
                missing = [member for member in self._members if not hasattr(loaded, member)]
                problem = f"it has no {missing[0]}" if missing else self._options_problem(name, loaded)
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
        if problem:
            raise UsageError(f"{where} cannot be used: {problem}", hint=f"update or remove {found.package}")
        return loaded

    def _options_problem(self, name: str, loaded: Any) -> str | None:
        """Options that are elsewhere are judged when they are listed."""
        return None if says_where(loaded) else options_problem(name, loaded, self._reserved)

    @property
    def _kind(self) -> str:
        return self.group.rpartition(".")[2]

    def _discovered(self) -> dict[str, list[Registered]]:
        with self._lock:
            if self._plugins is None:
                self._plugins = self._installed.group(self.group)
            return self._plugins
