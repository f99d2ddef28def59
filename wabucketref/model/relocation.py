"""What ``relocate`` found in the new place, and did."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from wabucketref.model.artifact import ArtifactInfo

State = Literal["ok", "missing", "different", "unreadable"]

DIFFERS: Final = frozenset({"different", "unreadable"})


@dataclass(frozen=True, slots=True)
class Moved:
    """One recorded version."""

    project: tuple[str, str]
    """(entity, project)."""
    artifact: ArtifactInfo
    state: State
    """``missing``: it is not in the new place; ``different``: another upload is there; ``unreadable``: its manifest is
    damaged there."""
    explanation: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "entity": self.project[0],
            "project": self.project[1],
            "artifact": str(self.artifact.ref),
            "version": self.artifact.version,
            "state": self.state,
            "explanation": self.explanation,
        }


@dataclass(frozen=True, slots=True)
class RelocateResult:
    """A plan, or what was done."""

    old: str
    new: str
    applied: bool
    items: Sequence[Moved]

    @property
    def troubles(self) -> Sequence[Moved]:
        """What keeps the records from following."""
        return [one for one in self.items if one.state != "ok"]

    def to_dict(self) -> dict[str, Any]:
        """The ``--json`` document of ``relocate``."""
        return {
            "old": self.old,
            "new": self.new,
            "applied": self.applied,
            "items": [one.to_dict() for one in self.items],
        }
