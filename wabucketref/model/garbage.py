"""What ``gc`` found and did."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Kind = Literal["unfinished", "parts", "orphan", "claim", "mark", "trial", "version"]
State = Literal["found", "removed", "kept"]


@dataclass(frozen=True, slots=True)
class Garbage:
    """Something that nothing refers to: one alias, one version, or one object of ours."""

    kind: Kind
    """``unfinished``: an upload that nobody finishes; ``parts``: a write that is not over; ``orphan``: files below an
    alias that its manifest does not name; ``claim``, ``mark``, ``trial``: objects of ours whose makers are gone;
    ``version``: more than is to be kept."""
    what: str
    """A reference, or a key in the bucket."""
    objects: int
    bytes: int | None
    """None: the store does not say."""
    since: datetime | None
    """The last sign of life, by the store's clock; of a version when it was made."""
    state: State = "found"
    explanation: str | None = None
    """Of a version which it is; of what was kept, why."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "what": self.what,
            "objects": self.objects,
            "bytes": self.bytes,
            "since": self.since.isoformat() if self.since else None,
            "state": self.state,
            "explanation": self.explanation,
        }


@dataclass(frozen=True, slots=True)
class Kept:
    """What may look like garbage and is kept, and why."""

    what: str
    explanation: str

    def to_dict(self) -> dict[str, Any]:
        return {"what": self.what, "explanation": self.explanation}


@dataclass(frozen=True, slots=True)
class GcResult:
    """A plan, or what became of it."""

    bucket: str
    scope: str | None
    """``TYPE`` or ``TYPE/NAME``; None: the whole bucket."""
    keep_last: int | None
    applied: bool
    items: Sequence[Garbage]
    kept: Sequence[Kept]
    notes: Sequence[str] = ()
    """What could not be looked for."""

    @property
    def counted(self) -> Sequence[Garbage]:
        """What the totals are of: what was removed, in a plan what would be."""
        return [one for one in self.items if one.state == ("removed" if self.applied else "found")]

    @property
    def objects(self) -> int:
        return sum(one.objects for one in self.counted)

    @property
    def bytes(self) -> int:
        """As far as the store says."""
        return sum(one.bytes or 0 for one in self.counted)

    def to_dict(self) -> dict[str, Any]:
        """The ``--json`` document of ``gc``."""
        return {
            "bucket": self.bucket,
            "scope": self.scope,
            "keep_last": self.keep_last,
            "applied": self.applied,
            "items": [one.to_dict() for one in self.items],
            "kept": [one.to_dict() for one in self.kept],
            "notes": list(self.notes),
            "totals": {"items": len(self.counted), "objects": self.objects, "bytes": self.bytes},
        }
