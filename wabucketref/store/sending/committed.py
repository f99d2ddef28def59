"""The outcome of an upload or link: what was sent, and the header that is in the bucket."""

import time
from dataclasses import dataclass, field

from wabucketref.contracts.storage import Storage
from wabucketref.model.artifact import LoggedArtifact
from wabucketref.model.manifest import Header
from wabucketref.model.plan import Committed, TransferFigures
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.format.times import created_of


@dataclass(slots=True)
class Moved:
    """What was sent, counted while results come in."""

    bytes: int = 0
    files: int = 0
    bytes_reused: int = 0
    files_reused: int = 0
    started: float = field(default_factory=time.monotonic)

    def figures(self) -> TransferFigures:
        seconds = time.monotonic() - self.started
        return TransferFigures(self.bytes, self.bytes_reused, self.files, self.files_reused, seconds)


def committed(
    storage: Storage, ref: ArtifactRef, header: Header, xid: str, figures: TransferFigures, *, already_there: bool
) -> Committed:
    """`xid` is the operation's, which need not be the one that made the header."""
    artifact = LoggedArtifact(
        xid=xid,
        type=ref.type,
        name=ref.name,
        alias=ref.alias,
        digest=header.digest,
        uri=f"{storage.url}/{ref.directory}",
        bucket=storage.url,
        files=header.files,
        bytes=header.bytes,
        created=created_of(header),
        metadata=header.metadata,
        linked=header.base is not None,
    )
    return Committed(artifact, figures, already_there)
