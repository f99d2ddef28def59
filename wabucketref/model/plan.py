"""Plans: what a transfer shall do, in words that can be journaled; and what it did."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from wabucketref.model.artifact import SERVED, LoggedArtifact
from wabucketref.model.reference import ArtifactRef


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The run as the manifest header names it."""

    id: str
    project: str
    entity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasPlan:
    """What all plans name: the operation, and the directory in the bucket."""

    xid: str
    """Made by the client; of a write it is the manifest's write id."""
    bucket: str
    """Bucket URL without secrets; ``wandb-artifact:…`` for files that the tracker keeps."""
    type: str
    name: str
    alias: str
    """The directory alias (already resolved)."""

    @property
    def ref(self) -> ArtifactRef:
        return ArtifactRef(self.type, self.name, self.alias)


@dataclass(frozen=True, slots=True, kw_only=True)
class WritePlan(AliasPlan):
    """What is needed to write a manifest; the files are what its kinds differ in."""

    run: RunFacts
    created: datetime
    """When it was asked for; the manifest header's ``created``."""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPlan(WritePlan):
    """Everything needed to carry out (or after a crash: to finish) one upload."""

    source: str
    """Absolute local path of a directory or a file."""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    overwrite: bool = False
    replaces: str = ""
    """The write id of what an overwrite found at the alias when it was asked for; empty: nothing. After a crash it goes
    on only to replace that."""
    earlier: tuple[str, ...] | None = ()
    """Aliases of earlier uploads of the artifact, the newest first, whose equal files need not be sent; None: the
    bucket shall tell which there are."""

    @property
    def is_kept(self) -> bool:
        """Whether the files go to the tracker, which `bucket` stands for."""
        return self.bucket.startswith(SERVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPlan(WritePlan):
    """An artifact out of files that already lie in the bucket."""

    base: str
    """Directory of the files relative to the bucket, without leading or trailing slash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptPlan(WritePlan):
    """A manifest for an upload of an earlier release, which has none."""


@dataclass(frozen=True, slots=True)
class KeptIn:
    """Where the files are of an artifact that another program logged, and which references may be followed."""

    entity: str
    project: str
    inside: str = ""
    """URL of the bucket in which references are followed; empty: the one in which all of them lie, if it is one."""
    follow: bool = False
    """Follow all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadPlan(AliasPlan):
    """Everything needed to fetch one artifact."""

    destination: str
    """Absolute local directory."""
    digest: str | None = None
    """The digest the tracker (or the user) knows; another one in the bucket is an integrity error."""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    kept: KeptIn | None = None
    """None: the files are in `bucket`."""
    deep: bool = False
    """Read the files that are in the destination already, whatever is remembered of them."""


@dataclass(frozen=True, slots=True)
class TransferFigures:
    """What moved. Directions are told apart by the result that carries them."""

    bytes_moved: int = 0
    bytes_reused: int = 0
    files_moved: int = 0
    files_reused: int = 0
    seconds: float = 0.0

    def to_dict(self, verb: str) -> dict[str, Any]:
        """The ``transfer`` object of ``--json``; `verb` is ``sent`` or ``received``."""
        return {
            f"bytes_{verb}": self.bytes_moved,
            "bytes_reused": self.bytes_reused,
            f"files_{verb}": self.files_moved,
            "files_reused": self.files_reused,
            "seconds": round(self.seconds, 6),
        }


@dataclass(frozen=True, slots=True)
class Committed:
    """The outcome of an upload or link: it is in the bucket, header and all."""

    artifact: LoggedArtifact
    figures: TransferFigures
    already_there: bool = False
    """Equal content had been committed before; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The outcome of a download."""

    path: str
    digest: str | None
    """None for an upload of an earlier release, which has no manifest."""
    files: int
    bytes: int
    figures: TransferFigures
    verified: bool
    """False when there was no manifest to verify against."""
    uri: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    created: datetime | None = None
    """When it was uploaded, by its manifest; None for a legacy upload."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a transfer would be about, and what of it is surely there already."""

    files: int
    bytes: int
    paths: tuple[str, ...]
    """In order; those of empty directories end with ``/``."""
    files_reused: int = 0
    bytes_reused: int = 0

    @property
    def figures(self) -> TransferFigures:
        """What it would move, at most."""
        return TransferFigures(
            bytes_moved=self.bytes - self.bytes_reused,
            bytes_reused=self.bytes_reused,
            files_moved=self.files - self.files_reused,
            files_reused=self.files_reused,
        )
