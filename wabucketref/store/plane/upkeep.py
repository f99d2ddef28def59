"""What lies in a bucket, whole: verified, surveyed, removed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wabucketref.contracts.progress import Progress
from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import Unsupported
from wabucketref.model.manifest import Header
from wabucketref.model.plan import KeptIn
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.plane.looking import Looking

if TYPE_CHECKING:  # each is loaded by the commands that need it
    from wabucketref.store.collect.collector import Collector
    from wabucketref.store.survey import Survey
    from wabucketref.store.uploads import Uploads
    from wabucketref.store.verify import Verified


class Upkeep(Looking):
    """Judges bytes, and ends what is no longer wanted."""

    def verify(
        self,
        bucket: str,
        ref: ArtifactRef,
        *,
        deep: bool,
        progress: Progress,
        cancel: Cancel,
        expected: str | None = None,
    ) -> "Verified":
        """Compare sizes, and when `deep` all bytes, with the manifest, and that with the digest `expected`.

        Raises:
            NotFound, UnfinishedUpload: as :meth:`find`.
            Unsupported: an upload of an earlier release, which has no manifest.
            IntegrityError: the manifest itself is damaged, or not the expected one.
        """
        from wabucketref.store.receiving.download import check_digest_known

        header = self.find(bucket, ref)
        check_digest_known(ref, expected, header)
        if header is None:
            hint = f"an earlier release uploaded it; `wabucket adopt {ref}` makes one"
            raise Unsupported(f"{ref} has no manifest to verify against", hint=hint)
        return self.compare(bucket, ref, header, deep=deep, progress=progress, cancel=cancel)

    def verify_kept(
        self, ref: ArtifactRef, kept: KeptIn, *, deep: bool, progress: Progress, cancel: Cancel
    ) -> "Verified":
        """As :meth:`verify`, of an artifact that another program logged to the tracker.

        Raises:
            NotFound: there is none.
            UsageError: a reference leads out of its bucket, and is not to be followed.
        """
        with self._crew(cancel, progress) as crew:
            return self.kept.verify(ref, kept, deep=deep, crew=crew)

    def compare(
        self, bucket: str, ref: ArtifactRef, header: Header, *, deep: bool, progress: Progress, cancel: Cancel
    ) -> "Verified":
        """As :meth:`verify`, with the header that :meth:`find` found.

        Raises:
            IntegrityError: the list of files is damaged.
            ReplacedWhileReading: another upload took its place meanwhile, or it was removed.
        """
        from wabucketref.store.verify import verify

        with self._crew(cancel, progress) as crew:
            return verify(self._storage(bucket), ref, header, deep=deep, crew=crew)

    def survey(self, bucket: str, *, cancel: Cancel) -> "Survey":
        """What lies in the whole bucket, by one listing."""
        from wabucketref.store.survey import survey

        return survey(self._storage(bucket), self._me, cancel)

    @contextmanager
    def collecting(self, bucket: str, *, progress: Progress, cancel: Cancel) -> Iterator["Collector"]:
        """What finds garbage in the whole bucket and removes it."""
        from wabucketref.store.collect.collector import Collector

        with self._crew(cancel, progress) as crew:
            yield Collector(self._storage(bucket), self._me, crew)

    @contextmanager
    def uploads(self, bucket: str, *, progress: Progress, cancel: Cancel) -> Iterator["Uploads"]:
        """All uploads of the bucket, oldest first."""
        from wabucketref.store.uploads import read_uploads

        with self._crew(cancel, progress) as crew, read_uploads(self._storage(bucket), crew) as found:
            yield found

    def remove(
        self,
        bucket: str,
        ref: ArtifactRef,
        *,
        cancel: Cancel | None = None,
        told: Callable[[Header | None], None] = lambda header: None,
        sure: Callable[[Header | None], None] = lambda header: None,
    ) -> None:
        """Remove the upload, header first; the files that a link refers to stay. Before anything goes, and while nobody
        else can write there, `sure` sees the header that is to go, None for an upload without, and may raise; before
        anybody else can commit there, `told` hears of it.

        Raises:
            NotFound: nothing is there.
            UploadInProgress: a live writer is at it.
        """
        from wabucketref.store.remove import remove

        remove(self._storage(bucket), ref, self._me, cancel or Cancel(), told, sure)

    def told_if_gone(self, bucket: str, ref: ArtifactRef, told: Callable[[], None]) -> bool:
        """Call `told`, and return True, if nothing is at `ref`, while nobody else can commit there.

        Raises:
            NotAuthorised, TransientError: the bucket cannot be reached.
        """
        from wabucketref.store.remove import told_if_gone

        return told_if_gone(self._storage(bucket), ref, self._me, Cancel(), told)
