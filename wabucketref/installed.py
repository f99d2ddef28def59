"""What installed distributions register for us: entry points, found without importing anything of theirs.

Only what is installed counts: ``python -m`` and scripts put their own directory first on the path, and a file planted
there must not become a plugin.
"""

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

PREFIX: Final = "wabucketref."
"""Of the entry-point groups: ``wabucketref.storage``, ``.tracker``, ``.context``, ``.outputs``, ``.executor``."""

_METADATA: Final = (".dist-info", ".egg-info", ".egg")


@dataclass(frozen=True, slots=True)
class Registered:
    """One entry point of one distribution."""

    package: str
    version: str
    entry: "EntryPoint"


class Installed:
    """All entry points of our groups; scans the installed distributions when first asked."""

    def __init__(self) -> None:
        self._found: list[Registered] | None = None

    def group(self, group: str) -> dict[str, list[Registered]]:
        """Entry points by name; several of a name come from several distributions, in order of their names."""
        found: dict[str, dict[str, Registered]] = {}
        for one in self._all():
            if one.entry.group == group:  # of a distribution that is there twice, the first on the path counts
                found.setdefault(one.entry.name, {}).setdefault(one.package, one)
        return {name: [one for _, one in sorted(packages.items())] for name, packages in found.items()}

    def names(self) -> set[str]:
        """The names in all groups."""
        return {one.entry.name for one in self._all()}

    def _all(self) -> list[Registered]:
        if self._found is None:
            self._found = _scan()
        return self._found


class NothingInstalled(Installed):
    """For a look at what is built in alone."""

    def _all(self) -> list[Registered]:
        return []


def _scan() -> list[Registered]:
    places = [place for place in _installed_path() if may_register(place)]
    if not places:
        return []
    from importlib import metadata  # slow to import, and most have no plugin

    return [one for distribution in metadata.distributions(path=places) for one in _of(distribution)]


def may_register(place: str) -> bool:
    """Whether a distribution installed at `place` may have plugins: one says so, or only the interpreter can tell."""
    try:
        with os.scandir(place) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(_METADATA)]
    except NotADirectoryError:
        return True  # an archive
    except OSError:
        return False
    return any(name.endswith(".egg") or _mentions(os.path.join(place, name)) for name in names)


def _mentions(metadata: str) -> bool:
    try:
        with open(os.path.join(metadata, "entry_points.txt"), "rb") as file:
            return f"[{PREFIX}".encode() in file.read()
    except NotADirectoryError:
        return True  # metadata in one file
    except OSError:
        return False


def _of(distribution: "Distribution") -> list[Registered]:
    if f"[{PREFIX}" not in (
        distribution.read_text("entry_points.txt") or ""
    ):  # parsing those of all would take a while
        return []
    package = distribution.metadata["Name"] or "an unnamed package"
    entries = [entry for entry in distribution.entry_points if entry.group.startswith(PREFIX)]
    return [Registered(package, distribution.metadata["Version"] or "", entry) for entry in entries]


def _installed_path() -> list[str]:
    here = os.path.abspath(os.curdir)
    return [place for place in sys.path if place and os.path.abspath(place) != here]
