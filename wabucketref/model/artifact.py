"""Artifacts as the tracker knows them, and what an upload or download plan says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from wabucketref.model.reference import ArtifactRef


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether an alias still holds an upload, as the bucket said; see ``docs/decisions/0009``."""

    current: bool = True
    """False is final: an upload that was replaced or removed does not come back."""
    holder: str = ""
    """What the tracker had at the alias when the bucket was asked (``AliasHeld.holder``); empty: nothing."""


SERVED: Final = "wandb-artifact:"
"""In place of a bucket, of versions that W&B's SDK logged to ``wabucket serve``: the server has their files. With
``//ENTITY/PROJECT`` behind it, of those on another W&B server."""


@dataclass(frozen=True, slots=True)
class LoggedArtifact:
    """One committed upload, told to a tracker. `xid` is made by the client and makes repeating harmless."""

    xid: str
    type: str
    name: str
    alias: str
    digest: str
    """The manifest digest, ``blake3:<hex>``."""
    uri: str
    """Full URL of the artifact's directory, without secrets."""
    bucket: str
    """URL of the bucket root, without secrets."""
    files: int
    bytes: int
    created: datetime
    metadata: Mapping[str, Any] = field(default_factory=dict)
    linked: bool = False
    adopted: bool = False
    """It is an upload of an earlier release, which a tracker may have without a digest: it takes the place of that, and
    all its names."""
    overwrites: bool = False
    """Of one that the tracker keeps: it may take its alias from other content."""
    standing: Standing | None = None
    """None: it takes its alias, whatever that holds."""

    @property
    def ref(self) -> ArtifactRef:
        return ArtifactRef(self.type, self.name, self.alias)

    @property
    def is_kept(self) -> bool:
        """Whether the tracker keeps its files, not a bucket."""
        return self.bucket.startswith(SERVED)

    def unrecorded(self, *aliases: str) -> "ArtifactInfo":
        """What can be said of it where no tracker keeps it: it has no version, and the names `aliases`."""
        return ArtifactInfo(
            type=self.type,
            name=self.name,
            alias=self.alias,
            version=None,
            uri=self.uri,
            bucket=self.bucket,
            digest=self.digest or None,
            files=self.files,
            bytes=self.bytes,
            created=self.created,
            metadata=dict(self.metadata),
            aliases=aliases,
            linked=self.linked,
        )


@dataclass(frozen=True, slots=True)
class ArtifactInfo:
    """One version as read back from a tracker."""

    type: str
    name: str
    alias: str
    """The alias it was uploaded under, which is its directory's name."""
    version: str | None
    """``vN``, or None while the tracker does not know it."""
    uri: str
    bucket: str
    digest: str | None
    files: int
    bytes: int
    created: datetime
    metadata: Mapping[str, Any] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    """All names that resolve to it now: the first alias, movable ones, ``latest``."""
    linked: bool = False

    @property
    def ref(self) -> ArtifactRef:
        return ArtifactRef(self.type, self.name, self.alias)

    @property
    def is_kept(self) -> bool:
        """Whether another program logged it, so that its files lie in no bucket of ours."""
        return self.bucket.startswith(SERVED)

    def to_dict(self) -> dict[str, Any]:
        """The ``artifact`` object of ``--json``."""
        return {
            "type": self.type,
            "name": self.name,
            "alias": self.alias,
            "version": self.version,
            "uri": self.uri,
            "digest": f"md5:{self.digest}" if self.digest and self.is_kept else self.digest,
            "files": self.files,
            "bytes": self.bytes,
            "metadata": dict(self.metadata),
            "aliases": list(self.aliases),
            "created": self.created.isoformat(),
        }
