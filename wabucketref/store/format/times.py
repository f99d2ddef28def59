"""Moments as headers hold them: RFC 3339, UTC."""

from datetime import UTC, datetime

from wabucketref.errors import IntegrityError
from wabucketref.model.manifest import Header


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def created_of(header: Header) -> datetime:
    """When the upload was asked for.

    Raises:
        IntegrityError: the header does not hold a time.
    """
    try:
        moment = datetime.fromisoformat(header.created)
    except ValueError as error:
        what = f"the manifest of {header.type}/{header.name}:{header.alias}"
        raise IntegrityError(f"{what} says it was made {header.created[:40]!r}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
