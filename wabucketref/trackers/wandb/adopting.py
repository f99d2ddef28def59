"""An adopted upload becomes a new version, since contents are immutable in W&B; it takes over the old one's names.

What is to be done is written into the new version itself, so that a record whose answer was lost is finished by its
repetition.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from wabucketref.errors import NotFound
from wabucketref.model.artifact import LoggedArtifact
from wabucketref.trackers.wandb import facts
from wabucketref.trackers.wandb.queries import Queries
from wabucketref.trackers.wandb.sdk import mapped

_LATEST: Final = "latest"
_ADOPTS: Final = "adopts"
_LATEST_WAS: Final = "latest"


@dataclass(frozen=True, slots=True)
class Predecessor:
    """The version that an earlier release logged, if there is one."""

    names: tuple[str, ...] = ()
    """Of it, but ``latest``."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """For the metadata of the new version: which one it adopts, and which was ``latest`` if that was another."""


def predecessor(queries: Queries, place: str, artifact: LoggedArtifact) -> Predecessor:
    """What W&B has of an upload that is adopted now."""
    if not artifact.adopted:
        return Predecessor()
    try:
        found = queries.artifact(place, artifact.name, artifact.alias)
        latest = queries.artifact(place, artifact.name, _LATEST).version
    except NotFound:
        return Predecessor()
    info = queries.info(place, found)
    if info.digest or (info.bucket, info.ref) != (artifact.bucket, artifact.ref):
        return Predecessor()
    others = {} if latest == found.version else {_LATEST_WAS: latest}
    names = tuple(name for name in found.aliases if name not in (_LATEST, artifact.alias))
    return Predecessor(names, {_ADOPTS: found.version} | others)


def give_latest_back(queries: Queries, place: str, found: Any) -> Any:
    """The SDK lets ``latest`` name what was logged last: give it back to the version that had it, if that was not the
    one adopted. `found`, anew where it changed."""
    said = facts.facts_of(found.metadata or {}) or {}
    was = said.get(_LATEST_WAS)
    name = str(found.name).partition(":")[0]
    if _ADOPTS not in said or not isinstance(was, str) or _LATEST not in found.aliases:
        return found
    try:
        before = queries.artifact(place, name, was)
    except NotFound:  # it was removed meanwhile
        return found
    with mapped(f"giving `latest` back to {before.name}"):
        before.aliases = [*before.aliases, _LATEST]
        before.save()
    return queries.artifact(place, name, str(found.version))
