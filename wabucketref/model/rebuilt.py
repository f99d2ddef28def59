"""What ``rebuild`` found in a bucket and recorded."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Problem = Literal["damaged", "newer", "skipped"]


@dataclass(slots=True)
class Counted:
    """Of one project."""

    entity: str
    project: str
    added: int = 0
    """Uploads that the catalog did not know."""
    known: int = 0

    def to_dict(self) -> dict[str, Any]:
        return {"entity": self.entity, "project": self.project, "added": self.added, "known": self.known}


@dataclass(frozen=True, slots=True)
class Skipped:
    """An upload that was not recorded."""

    what: str
    problem: Problem
    """``damaged``: its manifest is; ``newer``: a later release made it; ``skipped``: it cannot be recorded."""
    explanation: str

    def to_dict(self) -> dict[str, Any]:
        return {"what": self.what, "problem": self.problem, "explanation": self.explanation}


@dataclass(slots=True)
class RebuildResult:
    """Grows while it is rebuilt."""

    bucket: str
    set_aside: str | None = None
    """Where the damaged catalog lies now."""
    unverified: int = 0
    """Of the uploads, those of earlier releases, without a manifest."""
    runs: int = 0
    """Runs that the catalog did not know."""
    projects: dict[tuple[str, str], Counted] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)

    def count(self, project: tuple[str, str], *, added: bool) -> None:
        counted = self.projects.setdefault(project, Counted(*project))
        counted.added += added
        counted.known += not added

    def take_back(self, project: tuple[str, str], *, unverified: bool) -> None:
        """One that was counted as added was removed meanwhile."""
        self.projects[project].added -= 1
        self.unverified -= unverified

    @property
    def added(self) -> int:
        return sum(one.added for one in self.projects.values())

    @property
    def known(self) -> int:
        return sum(one.known for one in self.projects.values())

    def problems(self, kind: Problem) -> Sequence[Skipped]:
        return [one for one in self.skipped if one.problem == kind]

    def to_dict(self) -> dict[str, Any]:
        """The ``--json`` document of ``rebuild``."""
        return {
            "bucket": self.bucket,
            "set_aside": self.set_aside,
            "added": self.added,
            "known": self.known,
            "unverified": self.unverified,
            "runs": self.runs,
            "projects": [self.projects[key].to_dict() for key in sorted(self.projects)],
            "skipped": [one.to_dict() for one in self.skipped],
        }
