"""The data plane: everything that moves or judges the bytes of artifacts, behind one object.

buckets   those that are open, and what all transfers share
looking   what lies at an alias
upkeep    what is verified, surveyed, removed

What carries a plan out is loaded with the first plan of its kind: a command has one, and starts with nothing else.
"""

import logging
import os
from typing import TYPE_CHECKING

from wabucketref.contracts.progress import Progress, SilentProgress
from wabucketref.contracts.storage import Storage
from wabucketref.contracts.transfer import Cancel, TransferMemory
from wabucketref.errors import NotFound, UnfinishedUpload, UsageError, WaBucketError
from wabucketref.model.names import MAX_PATH_BYTES
from wabucketref.model.plan import AdoptPlan, Committed, DownloadPlan, Fetched, LinkPlan, Preview, UploadPlan
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.disk.folding import local_place
from wabucketref.store.drivers.probe import look_ahead
from wabucketref.store.header import beginning, find, look_past_damage
from wabucketref.store.plane.upkeep import Upkeep
from wabucketref.store.selection import Selection
from wabucketref.store.wrappers.wrapper import unproven
from wabucketref.threads import Beside

if TYPE_CHECKING:
    from wabucketref.store.source.tree import Tree

_log = logging.getLogger(__name__)


class DataPlane(Upkeep):
    """Carries out plans against buckets. Thread-safe; all transfers share one budget of memory.

    Besides the errors named, every method passes on those of the storage contract.
    """

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
        from wabucketref.store.sending.unfinished import is_for_good

        if plan.is_kept:
            return self._copy(plan, progress, cancel)
        try:
            storage = self._storage(plan.bucket)
            look_ahead(storage, copies=bool(plan.earlier))
            with Beside(lambda: look_past_damage(storage, plan.ref)) as there:
                from wabucketref.store.sending.upload import upload  # the processor waits for the answers anyway

                tree = self._scan(storage, plan, unproven(storage).max_key_bytes - len(f"{plan.ref.directory}/"))
                Selection(plan.include, plan.exclude).check_some(tree.files, repr(plan.source))
            with self._crew(cancel, progress) as crew:
                spread = self._spread_over()
                sends = spread.sending(plan, tree.root, crew) if spread else None
                return upload(storage, plan, tree, self._me, crew, memory, self._digests, sends, there.result)
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
        from wabucketref.store.sending.unfinished import give_unfinished_back

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
        from wabucketref.store.sending.link import link

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
        from wabucketref.store.sending.adopt import adopt

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
            with (
                Beside(lambda: find(storage, plan.ref)) as finding,
                Beside(lambda: beginning(storage, plan.ref)) as early,
            ):
                from wabucketref.store.receiving.download import download  # the processor waits for the answers anyway
            found = finding.result()
        except NotFound as error:
            self.forget_download(plan.destination, plan.ref, error)
            raise
        with self._crew(cancel, progress) as crew:
            header, spread = found.header if found else None, self._spread_over()
            fetching = spread.fetching(crew) if spread else None
            return download(storage, plan, header, crew, self._digests, self._contents, fetching, early.result())

    def forget_download(self, destination: str, ref: ArtifactRef, why: NotFound) -> None:
        """Nothing is at `ref`: clear what stopped downloads of it left beside `destination`. Those that an unfinished
        upload is the reason for may still be of use."""
        from wabucketref.store.receiving.abandoned import clear_gone

        if not isinstance(why, UnfinishedUpload):
            clear_gone(os.path.realpath(destination), ref)

    def preview_upload(self, plan: UploadPlan) -> Preview:
        """What :meth:`upload` would send at most: nothing is written and no content is read. The bucket is asked for
        manifests of earlier uploads, if there are any; where it does not answer, all of it counts as to be sent."""
        from wabucketref.store.sending.forecast import reusable

        # Asking for the capabilities of a store may probe it by writing.
        storage = None if plan.is_kept else self._storage(plan.bucket)
        tree, there = self._scan(storage, plan, MAX_PATH_BYTES), (0, 0)
        if storage is not None:
            with self._crew(Cancel(), SilentProgress()) as crew, self._digests.of(tree.root) as known:
                there = reusable(storage, plan, tree, known, crew)
        return Preview(tree.files, tree.bytes, tuple(tree.paths()), *there)

    def preview_download(self, plan: DownloadPlan) -> Preview:
        """What :meth:`download` would fetch at most; nothing is written. Raises as it does, before the first byte."""
        from wabucketref.store.receiving.download import check_digest_known, wanted
        from wabucketref.store.receiving.staging import real_destination

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

    def _scan(self, storage: Storage | None, plan: UploadPlan, room: int) -> "Tree":
        from wabucketref.store.source.scan import Rules, scan

        if room <= 0:
            raise UsageError(f"{plan.ref} leaves no room for paths in {plan.bucket}", hint="use shorter names")
        bucket = local_place(storage) if storage is not None else None
        keep_out = [path for path in (bucket, self._home) if path]
        rules = Rules(min(room, MAX_PATH_BYTES), keep_out)
        return scan(plan.source, Selection(plan.include, plan.exclude), rules)
