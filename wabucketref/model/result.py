"""What the operations return: frozen, importable from ``wabucketref``, and the shape of ``--json``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from wabucketref.model.artifact import ArtifactInfo
from wabucketref.model.plan import TransferFigures

Tracking = Literal["recorded", "pending", "disabled"]


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The run that an operation belongs to, in short."""

    id: str
    name: str
    project: str
    entity: str
    url: str | None

    def to_dict(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "project": self.project, "entity": self.entity, "url": self.url}


@dataclass(frozen=True, slots=True)
class UploadResult:
    """An upload or link that is in the bucket, or (with `xid`) on its way there."""

    artifact: ArtifactInfo
    run: RunSummary | None
    tracking: Tracking
    transfer: TransferFigures
    dry_run: bool = False
    xid: str | None = None
    """Of an upload that was left to the background service: it is not in the bucket yet."""

    @property
    def alias(self) -> str:
        return self.artifact.alias

    @property
    def ref(self) -> str:
        return str(self.artifact.ref)

    def to_dict(self) -> dict[str, Any]:
        """The ``--json`` document of ``upload`` and ``link``."""
        found = {
            "artifact": self.artifact.to_dict(),
            "run": self.run.to_dict() if self.run else None,
            "tracking": self.tracking,
            "transfer": self.transfer.to_dict("sent"),
        }
        return found | ({"dry_run": True} if self.dry_run else {}) | ({"xid": self.xid} if self.xid else {})


@dataclass(frozen=True, slots=True)
class DownloadResult:
    """A download whose files are in place."""

    artifact: ArtifactInfo
    run: RunSummary | None
    tracking: Tracking
    transfer: TransferFigures
    path: Path
    verified: bool
    dry_run: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The ``--json`` document of ``download``."""
        found = {
            "artifact": self.artifact.to_dict(),
            "run": self.run.to_dict() if self.run else None,
            "tracking": self.tracking,
            "transfer": self.transfer.to_dict("received"),
            "path": str(self.path),
            "verified": self.verified,
        }
        return found | ({"dry_run": True} if self.dry_run else {})


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing ``verify`` found wrong."""

    path: str
    problem: Literal["missing", "size", "digest", "unreadable"]
    expected: str
    found: str

    def to_dict(self) -> dict[str, Any]:
        return {"path": self.path, "problem": self.problem, "expected": self.expected, "found": self.found}


@dataclass(frozen=True, slots=True)
class Attestation:
    """A signed statement on an artifact that was found to be right."""

    keyid: str
    """SHA-256 of the public key that signed it."""
    predicate_type: str
    digest: str
    """The manifest digest that it is on."""

    def to_dict(self) -> dict[str, Any]:
        return {"keyid": self.keyid, "predicate_type": self.predicate_type, "digest": self.digest}


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What ``verify`` saw; `damage` is empty when all is well."""

    artifact: ArtifactInfo
    deep: bool
    files: int
    bytes: int
    damage: tuple[Damage, ...]
    extra: tuple[str, ...] = ()
    """Objects below the alias that the manifest does not list."""
    attestation: Attestation | None = None
    """That was checked, if one was given."""

    def to_dict(self) -> dict[str, Any]:
        attested = {"attestation": self.attestation.to_dict()} if self.attestation else {}
        return {
            "artifact": self.artifact.to_dict(),
            **attested,
            "deep": self.deep,
            "files": self.files,
            "bytes": self.bytes,
            "damage": [one.to_dict() for one in self.damage],
            "extra": list(self.extra),
        }
