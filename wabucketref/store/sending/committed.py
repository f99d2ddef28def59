"""The outcome of an upload or link, made of the header that is in the bucket."""

from datetime import UTC, datetime

from wabucketref.contracts.storage import Storage
from wabucketref.errors import IntegrityError
from wabucketref.model.artifact import LoggedArtifact
from wabucketref.model.manifest import Header
from wabucketref.model.plan import Committed, TransferFigures
from wabucketref.model.reference import ArtifactRef


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
        created=_time(header.created, ref),
        metadata=header.metadata,
        linked=header.base is not None,
    )
    return Committed(artifact, figures, already_there)


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _time(text: str, ref: ArtifactRef) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise IntegrityError(f"the manifest of {ref} says it was made {text[:40]!r}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
