"""Downloading, listing and verifying artifacts that other programs logged."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace

from wabucketref.contracts.storage import Storage
from wabucketref.contracts.tracker_files import KeepingTracker, KeptFile
from wabucketref.errors import IntegrityError, NotFound, Unsupported
from wabucketref.failpoints import hit
from wabucketref.model.manifest import Entry
from wabucketref.model.plan import DownloadPlan, Fetched, KeptIn, Preview
from wabucketref.model.reference import ArtifactRef
from wabucketref.model.result import Damage
from wabucketref.store.engine.pool import Crew
from wabucketref.store.format.digest import digest_of
from wabucketref.store.kept.fetch import KeptFetcher, Links
from wabucketref.store.kept.listing import Listing
from wabucketref.store.kept.sources import Sources
from wabucketref.store.receiving.abandoned import staging_key
from wabucketref.store.receiving.download import bring, tree_at
from wabucketref.store.receiving.safetree import SafeTree
from wabucketref.store.receiving.staging import Staging, real_destination
from wabucketref.store.receiving.wanted import Wanted
from wabucketref.store.selection import Selection
from wabucketref.store.verify import Verified


class Kept:
    """What the data plane does with such artifacts. Thread-safe."""

    def __init__(self, keeper: KeepingTracker | None, open_storage: Callable[[str], Storage]) -> None:
        self._keeper = keeper
        self._sources = Sources(open_storage)

    def entries(self, ref: ArtifactRef, kept: KeptIn) -> Sequence[Entry]:
        """All files in order of path; what was logged without a size has 0.

        Raises:
            NotFound: there is no such version.
            IntegrityError: the tracker lists what may not be written.
        """
        return [replace(entry, size=max(entry.size, 0)) for entry in self._listing(ref, kept)]

    def download(self, plan: DownloadPlan, kept: KeptIn, crew: Crew) -> Fetched:
        """As ``receiving.download``: all files checked, or the destination as it was.

        Raises:
            UsageError: a reference leads out of the artifact's bucket, and is not to be followed.
        """
        real = real_destination(plan.destination)
        listing = self._listing(plan.ref, kept)
        hit("download.header_read")
        with self._wanted(listing, plan, kept) as chosen:
            hit("download.entries_read")
            fetchers: list[KeptFetcher] = []

            def fetcher(beside: Staging) -> KeptFetcher:
                fetchers.append(self._fetcher(listing, plan.ref, kept, beside.tree, crew))
                return fetchers[0]

            crew.progress.start("download", chosen.files, chosen.bytes)
            try:
                content = digest_of(f"{plan.bucket}/{plan.ref.directory}".encode())
                key = staging_key(plan.ref, content, verified=False)
                figures = bring(key, chosen, real, crew, fetcher)
            finally:
                crew.progress.finish()
            return Fetched(
                path=plan.destination,
                digest=None,
                files=chosen.files,
                bytes=chosen.bytes,
                figures=figures,
                verified=not any(one.unverified for one in fetchers),
                uri=f"{plan.bucket}/{plan.ref.directory}",
            )

    def preview(self, plan: DownloadPlan, kept: KeptIn) -> Preview:
        """What :meth:`download` would fetch at most. Raises as it does, before the first byte."""
        real_destination(plan.destination)
        with self._wanted(self._listing(plan.ref, kept), plan, kept) as chosen:
            return Preview(chosen.files, chosen.bytes, tuple(entry.path for entry in chosen))

    def verify(self, ref: ArtifactRef, kept: KeptIn, *, deep: bool, crew: Crew) -> Verified:
        """Look at every reference that may be followed; when `deep`, fetch all bytes into a temporary directory, one
        file at a time and worker.

        Raises:
            UsageError: as :meth:`download`.
        """
        listing = self._listing(ref, kept)
        listing.check_inside(ref, listing.files, kept)
        entries = list(listing)
        crew.progress.start("verify", len(entries), sum(max(entry.size, 0) for entry in entries))
        try:
            damage = [one for one in crew.in_order(self._look(listing, kept), entries) if one is not None]
            if deep and not damage:
                damage = self._read_all(listing, ref, kept, crew)
        finally:
            crew.progress.finish()
        return Verified(len(entries), sum(max(entry.size, 0) for entry in entries), tuple(damage), ())

    def _look(self, listing: Listing, kept: KeptIn) -> Callable[[Entry], Damage | None]:
        """Whether a reference still leads to what was logged, as far as the store tells without reading it."""

        def look(entry: Entry) -> Damage | None:
            file = listing.files[entry.path]
            if file.url is None:
                return None
            try:
                now = self._sources.at(file.url, kept.inside).facts()
            except NotFound:
                return Damage(entry.path, "missing", file.etag or entry.digest, "")
            if now.size is not None and file.size not in (None, now.size):
                return Damage(entry.path, "size", str(file.size), str(now.size))
            if file.etag is not None and now.etag not in (None, file.etag):
                return Damage(entry.path, "digest", file.etag, str(now.etag))
            return None

        return look

    def _read_all(self, listing: Listing, ref: ArtifactRef, kept: KeptIn, crew: Crew) -> list[Damage]:
        with tempfile.TemporaryDirectory(prefix="wabucket-") as place, tree_at(place) as tree:
            fetcher = self._fetcher(listing, ref, kept, tree, crew)

            def check(entry: Entry) -> Damage | None:
                try:
                    fetcher.fetch(entry)
                except IntegrityError as error:
                    return Damage(entry.path, "digest", entry.digest, str(error))
                finally:
                    tree.remove(entry.path)
                crew.progress.advance(files=1)
                return None

            found = crew.in_order(check, listing.sized(listing))
            return [one for one in found if one is not None]

    def _listing(self, ref: ArtifactRef, kept: KeptIn) -> Listing:
        if self._keeper is None:
            raise Unsupported(f"the files of {ref} are kept by a tracker that is not at hand")
        files = self._keeper.kept_files(ref, (kept.entity, kept.project))
        return Listing(ref, files, lambda file: self._size_of(file, kept))

    def _size_of(self, file: KeptFile, kept: KeptIn) -> int:
        size = None if file.url is None else self._sources.at(file.url, kept.inside).facts().size
        if size is None:
            raise Unsupported(f"nobody says how large {file.path!r} is", hint="leave it out (--exclude)")
        return size

    def _wanted(self, listing: Listing, plan: DownloadPlan, kept: KeptIn) -> Wanted:
        """The entries that the plan selects; the caller closes them."""
        selection = Selection(plan.include, plan.exclude)
        chosen = [entry for entry in listing if selection.file(entry.path)]
        listing.check_inside(plan.ref, (entry.path for entry in chosen), kept)
        return Wanted(listing.sized(chosen), selection)

    def _fetcher(self, listing: Listing, ref: ArtifactRef, kept: KeptIn, tree: SafeTree, crew: Crew) -> KeptFetcher:
        keeper, project = self._keeper, (kept.entity, kept.project)
        assert keeper is not None
        own = [path for path in sorted(listing.files) if listing.files[path].url is None]
        links = Links(own, lambda paths: keeper.kept_urls(ref, project, paths))
        return KeptFetcher(listing.files, links, self._sources, kept.inside, tree, crew)
