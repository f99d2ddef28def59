"""What this machine keeps to spare work, and what was thrown away of it."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["digests", "content"]


@dataclass(frozen=True, slots=True)
class KeptFiles:
    """One kind of what is kept."""

    kind: Kind
    path: str
    files: int
    bytes: int
    """On the disk."""
    limit: int
    """Bytes; 0: nothing is kept."""


@dataclass(frozen=True, slots=True)
class KeptResult:
    """All that is kept."""

    items: tuple[KeptFiles, ...]

    def to_dict(self) -> dict[str, Any]:
        """The document of ``cache ls --json``."""
        return {"items": [asdict(item) for item in self.items]}


@dataclass(frozen=True, slots=True)
class PrunedFiles:
    """What went of one kind."""

    kind: Kind
    removed_files: int
    removed_bytes: int
    left_bytes: int


@dataclass(frozen=True, slots=True)
class PruneResult:
    """What was thrown away, or would be."""

    items: tuple[PrunedFiles, ...]
    dry_run: bool

    def to_dict(self) -> dict[str, Any]:
        """The document of ``cache prune --json``."""
        return {"items": [asdict(item) for item in self.items], "dry_run": self.dry_run}
