"""Deleting an object only as it was seen, whatever answers get lost."""

from wabucketref.contracts.storage import Storage
from wabucketref.errors import OutcomeUnknown, PreconditionFailed

_TRIES = 3


def delete_seen(storage: Storage, key: str, etag: str | None) -> None:
    """Remove the object if it still is the one seen; on stores without conditional writes whatever it is.

    Raises:
        PreconditionFailed: another one is there now.
    """
    condition = etag if storage.capabilities.replace_if_match else None
    for number in range(1, _TRIES + 1):
        try:
            storage.delete(key, if_match=condition)
            return
        except (OutcomeUnknown, PreconditionFailed):
            found = storage.head(key)
            if found is None:
                return
            if found.etag != condition or number == _TRIES:
                raise
