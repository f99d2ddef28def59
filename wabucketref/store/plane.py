"""The data plane: everything that moves or judges the bytes of artifacts, behind one object."""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wabucketref.contracts.progress import Progress
from wabucketref.contracts.storage import Storage
from wabucketref.contracts.tracker import FileReference, KeepingTracker
from wabucketref.contracts.transfer import Cancel, TransferMemory
from wabucketref.errors import NotFound, UnfinishedUpload, Unsupported, UsageError, WaBucketError
from wabucketref.model.artifact import LoggedArtifact
from wabucketref.model.manifest import Entry, Header
from wabucketref.model.names import MAX_PATH_BYTES
from wabucketref.model.plan import (
    AdoptPlan,
    Committed,
    DownloadPlan,
    Fetched,
    KeptIn,
    LinkPlan,
    TransferFigures,
    UploadPlan,
)
from wabucketref.model.reference import ArtifactRef
from wabucketref.retry import RetryPolicy
from wabucketref.store import remove as removing
from wabucketref.store import verify as verifying
from wabucketref.store.budget import Budget
from wabucketref.store.buffers import Buffers
from wabucketref.store.cache.content import ContentCache
from wabucketref.store.cache.known import DigestCache
from wabucketref.store.claims.take import has_claim, tidy_claims
from wabucketref.store.collect.collector import Collector
from wabucketref.store.folding import local_place
from wabucketref.store.header import StoredHeader, entries_of, find, read_any
from wabucketref.store.identity import Identity
from wabucketref.store.kept.copies import HomeCopies
from wabucketref.store.kept.download import Kept
from wabucketref.store.legacy import legacy_entries
from wabucketref.store.limits import TransferLimits
from wabucketref.store.pool import Crew
from wabucketref.store.preview import Preview
from wabucketref.store.receiving.abandoned import clear_gone
from wabucketref.store.receiving.download import check_digest_known, download, wanted
from wabucketref.store.receiving.staging import real_destination
from wabucketref.store.references import references
from wabucketref.store.selection import Selection
from wabucketref.store.sending.adopt import adopt
from wabucketref.store.sending.committed import committed
from wabucketref.store.sending.link import check_source, link
from wabucketref.store.sending.unfinished import give_unfinished_back, is_for_good
from wabucketref.store.sending.upload import upload
from wabucketref.store.source.scan import Rules, scan
from wabucketref.store.source.tree import Tree
from wabucketref.store.spread.sender import Spread
from wabucketref.store.survey import Survey, survey
from wabucketref.store.uploads import Uploads, read_uploads
from wabucketref.store.verify import Verified

_log = logging.getLogger(__name__)


class DataPlane:
    """Carries out plans against buckets. Thread-safe; all transfers share one budget of memory.

    Besides the errors named, every method passes on those of the storage contract.
    """

    def __init__(
        self,
        open_storage: Callable[[str], Storage],
        *,
        identity: Identity,
        limits: TransferLimits,
        home: str | None = None,
        policy: RetryPolicy | None = None,
        digests: DigestCache | None = None,
        contents: ContentCache | None = None,
        open_spread: Callable[[], Spread] | None = None,
    ) -> None:
        """`open_storage` opens a bucket by its URL. `home`: a local directory that no upload may contain. `digests`:
        those of files that were hashed before. `contents`: what earlier downloads kept.
        `open_spread`: opens the executor by which files are moved."""
        self._open = open_storage
        self._me = identity
        self._limits = limits
        self._home = home
        self._policy = policy or RetryPolicy()
        self._digests = digests or DigestCache(None)
        self._contents = contents or ContentCache(None, 0)
        self._budget = Budget(limits.memory)
        self._buffers = Buffers(limits.memory // 2)
        self._open_spread = open_spread
        self._spread: Spread | None = None
        self._stores: dict[str, Storage] = {}
        self._lock = threading.Lock()
        self.copies = HomeCopies(os.path.join(home or "", "kept"), self._storage)
        """Of files that the tracker shall keep."""
        self.kept = Kept(None, self._storage)
        """Artifacts that other programs logged to the tracker."""

    def attach(self, keeper: KeepingTracker) -> None:
        """The tracker that keeps files itself; called once, before the first plan."""
        self.kept = Kept(keeper, self._storage)

    def upload(self, plan: UploadPlan, *, progress: Progress, cancel: Cancel, memory: TransferMemory) -> Committed:
        """Store the source's files and commit them; all or nothing. Equal content is committed once.

        Raises:
            NotFound: the source, or the bucket, does not exist.
            UsageError: the source cannot be an artifact, or nothing in it matched.
            NotAuthorised: something in the source cannot be read.
            SourceChanged: a file changed while it was read.
            AliasTaken: the alias holds other content.
            UploadInProgress: another live writer holds the alias.
            Interrupted: `cancel` was set.

        After a failure that may pass, `memory` has what a later try need not send again; otherwise parts of files are
        given back.
        """
        if plan.is_kept:
            return self._copy(plan, progress, cancel)
        try:
            storage = self._storage(plan.bucket)
            tree = self._scan(storage, plan, storage.capabilities.max_key_bytes - len(f"{plan.ref.directory}/"))
            Selection(plan.include, plan.exclude).check_some(tree.files, repr(plan.source))
            with self._crew(cancel, progress) as crew:
                spread = self._spread_over()
                sends = spread.sending(plan, tree.root, crew) if spread else None
                return upload(storage, plan, tree, self._me, crew, memory, self._digests, sends)
        except WaBucketError as error:
            if is_for_good(error):
                self.give_back(plan.bucket, plan.ref, memory)
            raise

    def _copy(self, plan: UploadPlan, progress: Progress, cancel: Cancel) -> Committed:
        """Copy the files into the home, for the tracker to take them from there."""
        done = self.copies.taken(plan)
        if done is not None:
            return done
        tree = self._scan(None, plan, MAX_PATH_BYTES)
        Selection(plan.include, plan.exclude).check_some(tree.files, repr(plan.source))
        with self._crew(cancel, progress) as crew:
            return self.copies.take(plan, tree, crew)

    def give_back(self, bucket: str, ref: ArtifactRef, memory: TransferMemory) -> None:
        """Give back the parts of files that earlier tries of an upload left, as nobody will finish it.

        Those of a live writer stay. What cannot be given back now stays remembered; nothing is raised for it.
        """
        if memory.unfinished():
            try:
                give_unfinished_back(self._storage(bucket), ref, self._me, memory)
            except WaBucketError as error:
                _log.info("parts of files of %s are not given back now: %s", ref, error)

    def link(self, plan: LinkPlan, *, progress: Progress, cancel: Cancel) -> Committed:
        """Commit an artifact out of files that lie in the bucket; they are read once, not copied.

        Raises:
            LinkSourceNotFound: nothing lies below the base.
            UsageError: the base is outside the bucket or the artifact's own directory.
            SourceChanged: a file changed while it was read.
            AliasTaken, UploadInProgress, Interrupted: as :meth:`upload`.
        """
        with self._crew(cancel, progress) as crew:
            return link(self._storage(plan.bucket), plan, self._me, crew)

    def adopt(self, plan: AdoptPlan, *, progress: Progress, cancel: Cancel) -> Committed:
        """Give an upload of an earlier release a manifest; its files are read once and stay where they are. One that
        has a manifest already stays as it is.

        Raises:
            NotFound: nothing is there; UnfinishedUpload: an upload of this release that did not commit.
            IntegrityError: a key is no path that an artifact may have.
            SourceChanged: a file changed while it was read.
            UploadInProgress, Interrupted: as :meth:`upload`.
        """
        with self._crew(cancel, progress) as crew:
            return adopt(self._storage(plan.bucket), plan, self._me, crew)

    def download(self, plan: DownloadPlan, *, progress: Progress, cancel: Cancel) -> Fetched:
        """Bring the files to the destination, verified; on failure the destination is as before.

        Raises:
            NotFound: nothing is there; UnfinishedUpload: an upload that did not commit.
            IntegrityError: the bytes or the manifest are damaged, or not those of ``plan.digest``; or a symbolic link
                lies in the destination where a file or directory must be.
            ReplacedWhileReading: another upload took its place meanwhile.
            Conflict: a file is in the destination where a directory must be, or the other way round.
            UsageError: the destination is a file, or nothing matched.
            Interrupted: `cancel` was set; a later try goes on from there.
        """
        if plan.kept is not None:
            with self._crew(cancel, progress) as crew:
                return self.kept.download(plan, plan.kept, crew)
        storage = self._storage(plan.bucket)
        try:
            found = find(storage, plan.ref)
        except NotFound as error:
            self.forget_download(plan.destination, plan.ref, error)
            raise
        with self._crew(cancel, progress) as crew:
            header, spread = found.header if found else None, self._spread_over()
            fetching = spread.fetching(crew) if spread else None
            return download(storage, plan, header, crew, self._digests, self._contents, fetching)

    def forget_download(self, destination: str, ref: ArtifactRef, why: NotFound) -> None:
        """Nothing is at `ref`: clear what stopped downloads of it left beside `destination`. Those that an unfinished
        upload is the reason for may still be of use."""
        if not isinstance(why, UnfinishedUpload):
            clear_gone(os.path.realpath(destination), ref)

    def preview_upload(self, plan: UploadPlan) -> Preview:
        """What :meth:`upload` would send at most: nothing is written, no content is read, no request is made."""
        # Asking for the capabilities of a store may probe it by writing.
        tree = self._scan(None if plan.is_kept else self._storage(plan.bucket), plan, MAX_PATH_BYTES)
        return Preview(tree.files, tree.bytes, tuple(tree.paths()))

    def preview_download(self, plan: DownloadPlan) -> Preview:
        """What :meth:`download` would fetch at most; nothing is written. Raises as it does, before the first byte."""
        if plan.kept is not None:
            return self.kept.preview(plan, plan.kept)
        storage = self._storage(plan.bucket)
        found = find(storage, plan.ref)
        header = found.header if found else None
        check_digest_known(plan.ref, plan.digest, header)
        real_destination(plan.destination)
        with wanted(storage, plan, header) as chosen:
            paths = tuple(entry.path + "/" * (entry.type == "directory") for entry in chosen)
            return Preview(chosen.files, chosen.bytes, paths)

    def find(self, bucket: str, ref: ArtifactRef) -> Header | None:
        """The header of a committed upload; None for one of an earlier release, which has none.

        Raises:
            NotFound: nothing is there.
            UnfinishedUpload: an upload that did not commit.
        """
        found = find(self._storage(bucket), ref)
        return found.header if found else None

    def tidy(self, bucket: str, ref: ArtifactRef, xid: str) -> None:
        """The operation `xid` is over, and not committed: remove its claims beside what another committed there.

        Nothing is raised: what stays stands in nobody's way.
        """
        try:
            if self.write_id(bucket, ref):
                tidy_claims(self._storage(bucket), ref, self._me, xid)
        except WaBucketError as error:
            _log.info("claims at %s are not cleared now: %s", ref, error)

    def write_id(self, bucket: str, ref: ArtifactRef) -> str:
        """The operation whose upload the alias holds, empty when none is committed there. One request."""
        found = read_any(self._storage(bucket), ref)
        return found.write_id if found else ""

    def has_claim(self, bucket: str, ref: ArtifactRef, xid: str) -> bool:
        """Whether a claim of the operation `xid` lies there, alive or dead: nobody has finished there since."""
        return has_claim(self._storage(bucket), ref, xid)

    def check_link_source(self, bucket: str, base: str) -> None:
        """Refuse a base below which nothing lies, before anything is recorded. One request.

        Raises:
            LinkSourceNotFound: nothing lies below the base.
            UsageError: the base is outside the bucket.
        """
        check_source(self._storage(bucket), base)

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

    def verify(
        self,
        bucket: str,
        ref: ArtifactRef,
        *,
        deep: bool,
        progress: Progress,
        cancel: Cancel,
        expected: str | None = None,
    ) -> Verified:
        """Compare sizes, and when `deep` all bytes, with the manifest, and that with the digest `expected`.

        Raises:
            NotFound, UnfinishedUpload: as :meth:`find`.
            Unsupported: an upload of an earlier release, which has no manifest.
            IntegrityError: the manifest itself is damaged, or not the expected one.
        """
        header = self.find(bucket, ref)
        check_digest_known(ref, expected, header)
        if header is None:
            hint = f"an earlier release uploaded it; `wabucket adopt {ref}` makes one"
            raise Unsupported(f"{ref} has no manifest to verify against", hint=hint)
        return self.compare(bucket, ref, header, deep=deep, progress=progress, cancel=cancel)

    def verify_kept(
        self, ref: ArtifactRef, kept: KeptIn, *, deep: bool, progress: Progress, cancel: Cancel
    ) -> Verified:
        """As :meth:`verify`, of an artifact that another program logged to the tracker.

        Raises:
            NotFound: there is none.
            UsageError: a reference leads out of its bucket, and is not to be followed.
        """
        with self._crew(cancel, progress) as crew:
            return self.kept.verify(ref, kept, deep=deep, crew=crew)

    def compare(
        self, bucket: str, ref: ArtifactRef, header: Header, *, deep: bool, progress: Progress, cancel: Cancel
    ) -> Verified:
        """As :meth:`verify`, with the header that :meth:`find` found.

        Raises:
            IntegrityError: the list of files is damaged.
            ReplacedWhileReading: another upload took its place meanwhile, or it was removed.
        """
        with self._crew(cancel, progress) as crew:
            return verifying.verify(self._storage(bucket), ref, header, deep=deep, crew=crew)

    def survey(self, bucket: str, *, cancel: Cancel) -> Survey:
        """What lies in the whole bucket, by one listing."""
        return survey(self._storage(bucket), self._me, cancel)

    @contextmanager
    def collecting(self, bucket: str, *, progress: Progress, cancel: Cancel) -> Iterator[Collector]:
        """What finds garbage in the whole bucket and removes it."""
        with self._crew(cancel, progress) as crew:
            yield Collector(self._storage(bucket), self._me, crew)

    @contextmanager
    def uploads(self, bucket: str, *, progress: Progress, cancel: Cancel) -> Iterator[Uploads]:
        """All uploads of the bucket, oldest first."""
        with self._crew(cancel, progress) as crew, read_uploads(self._storage(bucket), crew) as found:
            yield found

    def remove(
        self,
        bucket: str,
        ref: ArtifactRef,
        *,
        cancel: Cancel | None = None,
        told: Callable[[Header | None], None] = lambda header: None,
        sure: Callable[[Header | None], None] = removing.unasked,
    ) -> None:
        """Remove the upload, header first; the files that a link refers to stay. Before anything goes, and while nobody
        else can write there, `sure` sees the header that is to go, None for an upload without, and may raise; before
        anybody else can commit there, `told` hears of it.

        Raises:
            NotFound: nothing is there.
            UploadInProgress: a live writer is at it.
        """
        removing.remove(self._storage(bucket), ref, self._me, cancel or Cancel(), told, sure)

    def was_committed_by(self, bucket: str, ref: ArtifactRef, xid: str) -> Committed | None:
        """The outcome of the operation `xid` if it is what the alias holds, else None."""
        storage = self._storage(bucket)
        found = read_any(storage, ref)
        if not isinstance(found, StoredHeader) or found.write_id != xid:
            return None
        tidy_claims(storage, ref, self._me, xid)
        return committed(storage, ref, found.header, xid, TransferFigures(), already_there=True)

    def close(self) -> None:
        """Give connections back; idempotent."""
        with self._lock:
            stores, self._stores = self._stores, {}
            spread, self._spread = self._spread, None
        if spread is not None:
            spread.close()
        for storage in stores.values():
            storage.close()

    def _storage(self, bucket: str) -> Storage:
        with self._lock:
            if bucket not in self._stores:
                self._stores[bucket] = self._open(bucket)
            return self._stores[bucket]

    def _spread_over(self) -> Spread | None:
        """The executor that files are moved by, opened for the first transfer; None: this process."""
        if self._open_spread is None:
            return None
        with self._lock:
            if self._spread is None:
                self._spread = self._open_spread()
            return self._spread

    def _crew(self, cancel: Cancel, progress: Progress) -> Crew:
        return Crew(self._limits, self._budget, cancel, progress, self._policy, self._buffers)

    def _scan(self, storage: Storage | None, plan: UploadPlan, room: int) -> Tree:
        if room <= 0:
            raise UsageError(f"{plan.ref} leaves no room for paths in {plan.bucket}", hint="use shorter names")
        bucket = local_place(storage) if storage is not None else None
        keep_out = [path for path in (bucket, self._home) if path]
        rules = Rules(min(room, MAX_PATH_BYTES), keep_out)
        return scan(plan.source, Selection(plan.include, plan.exclude), rules)
