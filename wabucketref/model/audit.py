"""What a check of everything found: each version of a project, and what else disagrees between bucket and records."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from wabucketref.model.artifact import ArtifactInfo
from wabucketref.model.result import Damage

State = Literal["ok", "damaged", "gone", "replaced", "unreadable", "unverifiable", "pending"]
Kind = Literal["waiting", "unfinished", "orphan"]

DIFFERS: Final = frozenset({"damaged", "gone", "replaced", "unreadable"})


@dataclass(frozen=True, slots=True)
class CheckedVersion:
    """One version, or one upload of the project that its tracker does not know."""

    artifact: ArtifactInfo
    state: State
    """``gone``: the tracker has it, the bucket has not; ``replaced``: the bucket has another upload; ``unreadable``:
    its manifest is damaged; ``unverifiable``: of an earlier release, without a manifest; ``pending``: an operation
    that is under way or waits for ``sync`` will settle it."""
    recorded: bool = True
    """The tracker knows it (or is one that records nothing)."""
    damage: Sequence[Damage] = ()
    extra: Sequence[str] = ()
    """Objects below the alias that the manifest does not list."""
    explanation: str | None = None

    @property
    def differs(self) -> bool:
        return self.state in DIFFERS

    @property
    def pending(self) -> bool:
        return self.state == "pending" or not self.recorded

    def to_dict(self) -> dict[str, Any]:
        return {
            "artifact": self.artifact.to_dict(),
            "state": self.state,
            "recorded": self.recorded,
            "damage": [one.to_dict() for one in self.damage],
            "extra": list(self.extra),
            "explanation": self.explanation,
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """Something beside the versions: a journal that waits, an upload that nobody finishes, an object nobody needs."""

    kind: Kind
    what: str
    """A run id, a reference, or a key in the bucket."""
    explanation: str

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "what": self.what, "explanation": self.explanation}


@dataclass(frozen=True, slots=True)
class VerifyAllResult:
    """Bucket, tracker and journal, compared."""

    bucket: str
    entity: str
    project: str
    deep: bool
    items: Sequence[CheckedVersion]
    findings: Sequence[Finding]

    @property
    def differing(self) -> Sequence[CheckedVersion]:
        """Versions that are not what was recorded, or not whole."""
        return [one for one in self.items if one.differs]

    @property
    def pending(self) -> int:
        """How many versions and runs are not recorded as they are, and only that."""
        waiting = sum(one.kind == "waiting" for one in self.findings)
        return waiting + sum(one.pending and not one.differs for one in self.items)

    def to_dict(self) -> dict[str, Any]:
        """The ``--json`` document of ``verify --all``."""
        return {
            "bucket": self.bucket,
            "entity": self.entity,
            "project": self.project,
            "deep": self.deep,
            "items": [one.to_dict() for one in self.items],
            "findings": [one.to_dict() for one in self.findings],
        }
