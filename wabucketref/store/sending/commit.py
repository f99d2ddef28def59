"""The commit: creating the header, once, whatever answers get lost."""

from wabucketref.contracts.storage import ObjectInfo, Storage
from wabucketref.errors import (
    AliasTaken,
    AlreadyExists,
    IntegrityError,
    NotFound,
    OutcomeUnknown,
    PreconditionFailed,
    WaBucketError,
)
from wabucketref.failpoints import hit
from wabucketref.model.manifest import MAX_HEADER_BYTES, Header
from wabucketref.model.reference import ArtifactRef
from wabucketref.retry import RetryPolicy, retry
from wabucketref.store.format.layout import Layout
from wabucketref.store.header import StoredHeader, decode_header


def commit(storage: Storage, ref: ArtifactRef, header: Header, policy: RetryPolicy) -> StoredHeader:
    """Create the header under a claim; returns the one that is in the bucket, which is ours or one of equal content.

    A conditional create is not idempotent: when its answer is lost, trying again meets our own object. So after
    every answer but a clear one the header is read, and its write id tells whose it is.

    Raises:
        AliasTaken: another upload is committed there.
        OutcomeUnknown: the store gives no clear answer; trying again may help.
    """
    return _Commit(storage, ref, header).run(policy)


class _Commit:
    def __init__(self, storage: Storage, ref: ArtifactRef, header: Header) -> None:
        self._storage = storage
        self._ref = ref
        self._header = header
        self._key, self._data = Layout.of(ref).header, header.encode()
        self._unsure = False
        """Whether an answer to us was lost, so that what is there may be ours."""
        self._damaged: ObjectInfo | None = None
        """Ours, but not as it was sent."""

    def run(self, policy: RetryPolicy) -> StoredHeader:
        return retry(self._once, policy, what=f"committing {self._ref}", may_repeat=_may_repeat)

    def _once(self) -> StoredHeader:
        hit("upload.header_sent")
        try:
            info = self._put()
        except (AlreadyExists, PreconditionFailed, OutcomeUnknown) as failure:
            self._unsure = self._unsure or isinstance(failure, OutcomeUnknown)
            found = self._find(failure)
            if found is not None:
                return found
            raise self._unclear(failure) from failure
        hit("upload.header_answered")
        return StoredHeader(self._header, info)

    def _put(self) -> ObjectInfo:
        able = self._storage.capabilities
        if self._damaged is None:
            return self._storage.put(self._key, self._data, if_absent=able.create_if_absent)
        return self._storage.put(self._key, self._data, if_match=self._damaged.etag if able.replace_if_match else None)

    def _find(self, failure: WaBucketError) -> StoredHeader | None:
        """The header that is there; None when there is none, or a damaged one of ours."""
        self._damaged = None
        try:
            data, info = self._storage.read(self._key, limit=MAX_HEADER_BYTES)
        except NotFound:
            return None
        if data == self._data:
            return StoredHeader(self._header, info)
        try:
            there = decode_header(self._storage, self._ref, data)
        except IntegrityError:
            if not self._unsure:
                raise
            self._damaged = info
            return None
        if there.write_id == self._header.write_id:
            self._damaged = info
            return None
        if there.digest == self._header.digest:
            return StoredHeader(there, info)
        raise alias_taken(self._ref, there) from failure

    def _unclear(self, failure: WaBucketError) -> OutcomeUnknown:
        unclear = OutcomeUnknown(
            f"the store says neither yes nor no to the manifest of {self._ref}: {failure}", hint="try again"
        )
        unclear.exhausted = isinstance(failure, OutcomeUnknown) and failure.exhausted
        return unclear


def _may_repeat(error: WaBucketError) -> bool:
    return isinstance(error, OutcomeUnknown) and not error.exhausted


def alias_taken(ref: ArtifactRef, there: Header) -> AliasTaken:
    return AliasTaken(
        f"{ref} holds another upload already (made {there.created})",
        hint="an alias is immutable: choose another one, or replace it with --overwrite",
    )
