"""What lies at an alias: asked of the bucket alone, by few requests."""

import logging
from collections.abc import Iterator

from wabucketref.contracts.tracker_files import FileReference
from wabucketref.errors import WaBucketError
from wabucketref.model.artifact import LoggedArtifact
from wabucketref.model.manifest import Entry, Header
from wabucketref.model.plan import Committed, TransferFigures
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.claims.take import has_claim, tidy_claims
from wabucketref.store.header import StoredHeader, entries_of, find, read_any
from wabucketref.store.legacy import legacy_entries
from wabucketref.store.plane.buckets import Buckets
from wabucketref.store.references import references
from wabucketref.store.sending.committed import committed

_log = logging.getLogger(__name__)


class Looking(Buckets):
    """Reads; and clears what an operation that is over has left."""

    def find(self, bucket: str, ref: ArtifactRef) -> Header | None:
        """The header of a committed upload; None for one of an earlier release, which has none.

        Raises:
            NotFound: nothing is there.
            UnfinishedUpload: an upload that did not commit.
        """
        found = find(self._storage(bucket), ref)
        return found.header if found else None

    def entries(self, bucket: str, ref: ArtifactRef, header: Header | None) -> Iterator[Entry]:
        """The entries in order of path, checked while they stream: good only once the iterator has ended.

        Without `header` (an upload of an earlier release) they are the listing, and have no digests.

        Raises:
            IntegrityError: they are damaged.
            ReplacedWhileReading: another upload took its place meanwhile.
        """
        storage = self._storage(bucket)
        return entries_of(storage, ref, header) if header else iter(legacy_entries(storage, ref))

    def references(self, artifact: LoggedArtifact) -> list[FileReference]:
        """Implements contracts.tracker.ArtifactFiles."""
        return references(self._storage(artifact.bucket), artifact)

    def write_id(self, bucket: str, ref: ArtifactRef) -> str:
        """The operation whose upload the alias holds, empty when none is committed there. One request."""
        found = read_any(self._storage(bucket), ref)
        return found.write_id if found else ""

    def was_committed_by(self, bucket: str, ref: ArtifactRef, xid: str) -> Committed | None:
        """The outcome of the operation `xid` if it is what the alias holds, else None."""
        storage = self._storage(bucket)
        found = read_any(storage, ref)
        if not isinstance(found, StoredHeader) or found.write_id != xid:
            return None
        tidy_claims(storage, ref, self._me, xid)
        return committed(storage, ref, found.header, xid, TransferFigures(), already_there=True)

    def has_claim(self, bucket: str, ref: ArtifactRef, xid: str) -> bool:
        """Whether a claim of the operation `xid` lies there, alive or dead: nobody has finished there since."""
        return has_claim(self._storage(bucket), ref, xid)

    def tidy(self, bucket: str, ref: ArtifactRef, xid: str) -> None:
        """The operation `xid` is over, and not committed: remove its claims beside what another committed there.

        Nothing is raised: what stays stands in nobody's way.
        """
        try:
            if self.write_id(bucket, ref):
                tidy_claims(self._storage(bucket), ref, self._me, xid)
        except WaBucketError as error:
            _log.info("claims at %s are not cleared now: %s", ref, error)

    def check_link_source(self, bucket: str, base: str) -> None:
        """Refuse a base below which nothing lies, before anything is recorded. One request.

        Raises:
            LinkSourceNotFound: nothing lies below the base.
            UsageError: the base is outside the bucket.
        """
        from wabucketref.store.sending.link import check_source

        check_source(self._storage(bucket), base)
