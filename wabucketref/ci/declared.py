"""A context that is a table: which variables say that we are there, and which fact each variable holds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wabucketref.ci.facts import RUN_ID, TAGS, labelled, pick, public_remote
from wabucketref.contracts.context import Facts
from wabucketref.contracts.factories import API_VERSION

Environ = Mapping[str, str]


def _nothing(environ: Environ) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class Declared:
    """Only the variables that are named here are ever read."""

    name: str
    doc: str
    """The page that documents the variables."""
    present: tuple[str, ...]
    """``VARIABLE`` (set and not empty) or ``VARIABLE=value``; any of them is enough."""
    values: Mapping[str, str | tuple[str, ...]]
    """Fact to variable, or to several of which the first that is set counts."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Facts that are always the same there."""
    further: Callable[[Environ], Mapping[str, str]] = _nothing
    """Facts that take more than reading a variable; they count before `values`."""
    run_label: str = "run_id"
    """Label of the tag with the run of the whole pipeline."""
    api_version: int = API_VERSION

    def detect(self, environ: Mapping[str, str], directory: Path) -> Facts | None:
        """The facts, when one of `present` holds."""
        if not any(_holds(environ, condition) for condition in self.present):
            return None
        values = {**self.fixed, **pick(environ, self.values), **self.further(environ)}
        for fact, value in values.items():
            if fact.endswith("url.full"):
                values[fact] = public_remote(value)
        return Facts(self.name, values, labelled(values, {**TAGS, RUN_ID: self.run_label}))


def _holds(environ: Environ, condition: str) -> bool:
    variable, equals, wanted = condition.partition("=")
    found = environ.get(variable, "")
    return found.lower() == wanted if equals else bool(found)


def branch_or_tag(environ: Environ, *, branch: tuple[str, ...], tag: tuple[str, ...]) -> dict[str, str]:
    """Name and type of what was checked out, for systems that have one variable for each."""
    for kind, variables in (("tag", tag), ("branch", branch)):
        found = pick(environ, {"vcs.ref.head.name": variables})
        if found:
            return {"vcs.ref.head.name": plain_ref(found["vcs.ref.head.name"]), "vcs.ref.head.type": kind}
    return {}


def plain_ref(ref: str) -> str:
    """``main`` of ``refs/heads/main``, ``origin/main`` or ``refs/tags/main``."""
    for prefix in ("refs/heads/", "refs/tags/", "refs/", "origin/"):
        if ref.startswith(prefix):
            return ref.removeprefix(prefix)
    return ref
