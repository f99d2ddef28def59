"""The commit: creating the header, once, whatever answers get lost."""

from wabucketref.contracts.storage import Storage
from wabucketref.errors import AliasTaken, AlreadyExists, OutcomeUnknown, TransientError
from wabucketref.failpoints import hit
from wabucketref.model.manifest import Header
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.header import StoredHeader, read_header
from wabucketref.store.layout import Layout

_TRIES = 3


def commit(storage: Storage, ref: ArtifactRef, header: Header) -> StoredHeader:
    """Create the header; returns the one that is in the bucket, which is ours or one of equal content.

    A conditional create is not idempotent: when its answer is lost, trying again meets our own object. So after
    every answer but a clear one the header is read, and its write id tells whose it is.

    Raises:
        AliasTaken: another upload is committed there.
        TransientError: nothing is committed; trying again may help.
    """
    key, data = Layout.of(ref).header, header.encode()
    for number in range(1, _TRIES + 1):
        try:
            hit("upload.header_sent")
            info = storage.put(key, data, if_absent=storage.capabilities.create_if_absent)
            hit("upload.header_answered")
            return StoredHeader(header, info)
        except (AlreadyExists, OutcomeUnknown) as failure:
            found = read_header(storage, ref)
            if found is not None:
                return _whose(found, header, ref, failure)
            if number == _TRIES:
                raise TransientError(
                    f"the store says neither yes nor no to the manifest of {ref}: {failure}", hint="try again"
                ) from failure
    raise AssertionError("the last try returns or raises")


def _whose(found: StoredHeader, ours: Header, ref: ArtifactRef, failure: Exception) -> StoredHeader:
    if found.header.write_id == ours.write_id or found.header.digest == ours.digest:
        return found
    raise alias_taken(ref, found.header) from failure


def alias_taken(ref: ArtifactRef, there: Header) -> AliasTaken:
    return AliasTaken(
        f"{ref} holds another upload already (made {there.created})",
        hint="an alias is immutable: choose another one, or replace it with --overwrite",
    )
