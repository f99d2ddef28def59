"""Download: the objects of an artifact become files of the destination, all of them or none."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from functools import partial
from typing import Literal, Protocol

from wabucketref.contracts.storage import Storage
from wabucketref.errors import NotAsRecorded
from wabucketref.failpoints import hit
from wabucketref.model.manifest import Entry, Header
from wabucketref.model.plan import DownloadPlan, Fetched, TransferFigures
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.cache.content import ContentCache
from wabucketref.store.cache.known import DigestCache
from wabucketref.store.disk.beneath import DIRECTORY
from wabucketref.store.disk.localio import local
from wabucketref.store.engine.pool import Crew, Together
from wabucketref.store.format.digest import digest_of
from wabucketref.store.format.layout import Layout
from wabucketref.store.format.times import created_of
from wabucketref.store.header import check_unchanged, entries_of, read_whole
from wabucketref.store.legacy import legacy_entries
from wabucketref.store.receiving.abandoned import staging_key
from wabucketref.store.receiving.fetch import Fetcher, Origin
from wabucketref.store.receiving.localfiles import LocalFiles
from wabucketref.store.receiving.safetree import SafeTree
from wabucketref.store.receiving.small import SmallFiles
from wabucketref.store.receiving.staging import Staging, real_destination, staging
from wabucketref.store.receiving.wanted import Wanted
from wabucketref.store.selection import Selection

Brought = tuple[Literal["moved", "reused", "directory"], int]
"""What happened to a file, and its size."""


def download(
    storage: Storage,
    plan: DownloadPlan,
    header: Header | None,
    crew: Crew,
    digests: DigestCache,
    cache: ContentCache,
    fetching: "Callable[[Origin, Staging], Fetching] | None" = None,
    early: bytes | None = None,
) -> Fetched:
    """Carry out `plan` with the header found, None for an upload without; `fetching` gives what fetches the files in
    the place of this process. `early`: as for :func:`wanted`.

    See :meth:`DataPlane.download`.
    """
    hit("download.header_read")
    check_digest_known(plan.ref, plan.digest, header)
    real = real_destination(plan.destination)
    with wanted(storage, plan, header, early) as chosen:
        crew.progress.start("download", chosen.files, chosen.bytes)
        try:
            source = origin(storage, plan.ref, header)
            content = header.digest if header else digest_of(f"{storage.url}/{plan.ref.directory}".encode())
            key = staging_key(plan.ref, content, verified=header is not None)
            with digests.of(real, chosen.files) as known, cache.open() as contents:
                files = LocalFiles(crew, known, contents, deep=plan.deep)
                here = partial(fetching, source) if fetching else lambda beside: Fetcher(source, beside.tree, crew)
                figures = bring(key, chosen, real, crew, here, files)
        finally:
            crew.progress.finish()
        return Fetched(
            path=plan.destination,
            digest=header.digest if header else None,
            files=chosen.files,
            bytes=chosen.bytes,
            figures=figures,
            verified=header is not None,
            uri=f"{storage.url}/{plan.ref.directory}",
            metadata=header.metadata if header else {},
            created=created_of(header) if header else None,
        )


def check_digest_known(ref: ArtifactRef, known: str | None, header: Header | None) -> None:
    """Compare the digest in the bucket with the one that the tracker or the user knows, if any.

    Raises:
        NotAsRecorded: they differ.
    """
    found = header.digest if header else "none, for there is no manifest"
    if known is not None and known != found:
        raise NotAsRecorded(
            f"{ref} was replaced behind the tracker's back: recorded is {known}, the bucket has {found}",
            hint="find out who wrote to the bucket; `wabucket verify` checks the bytes",
        )


def wanted(storage: Storage, plan: DownloadPlan, header: Header | None, early: bytes | None = None) -> Wanted:
    """The entries that the plan selects, once all have been checked; the caller closes them. `early`: what they begin
    with, as it seemed before the header was there; believed once."""
    begin = [early]

    def read() -> Wanted:
        known = begin.pop() if begin else None
        entries = entries_of(storage, plan.ref, header, known) if header else iter(legacy_entries(storage, plan.ref))
        return Wanted(entries, Selection(plan.include, plan.exclude))

    chosen = read_whole(read)
    hit("download.entries_read")
    return chosen


def origin(storage: Storage, ref: ArtifactRef, header: Header | None) -> Origin:
    """Where the files lie: below the alias, or below the base of a link."""
    base = Layout.of(ref).directory if header is None or header.base is None else header.base
    prefix = f"{base}/" if base else ""

    def unchanged() -> None:
        if header is not None:
            check_unchanged(storage, ref, header)

    return Origin(storage, lambda path: prefix + path, unchanged)


class Fetching(Protocol):
    """Fetches files into a staging directory. Thread-safe."""

    def fetch(self, entry: Entry) -> None:
        """Have the whole file there, checked."""


def bring(
    key: str,
    chosen: Wanted,
    real: str,
    crew: Crew,
    fetcher: Callable[[Staging], Fetching],
    files: LocalFiles | None = None,
) -> TransferFigures:
    """Have all of `chosen` in the directory `real`, or leave it as it was. `key` names the staging directory; `files`
    is what this machine knows of them."""
    return _Download(key, crew, chosen, real, fetcher, files or LocalFiles(crew)).run()


class _Download:
    def __init__(
        self,
        key: str,
        crew: Crew,
        chosen: Wanted,
        real: str,
        fetcher: Callable[[Staging], Fetching],
        files: LocalFiles,
    ) -> None:
        self._key = key
        self._files = files
        self._crew = crew
        self._chosen = chosen
        self._real = real
        self._fetcher = fetcher

    def run(self) -> TransferFigures:
        started = time.monotonic()
        moved = {"moved": [0, 0], "reused": [0, 0], "directory": [0, 0]}
        with staging(self._real, self._key, self._crew.cancel) as beside:
            self._check(beside)
            with self._there() as there:
                fetcher = self._fetcher(beside)
                bring = Bringer(there, beside.tree, fetcher, self._files, self._crew, fresh=beside.fresh)
                large = self._chosen.largest(self._crew.limits.multipart_threshold)
                together = self._together(fetcher, bring)
                for outcome, size in self._crew.in_order(bring, self._chosen, large, together=together):
                    moved[outcome][0] += 1
                    moved[outcome][1] += size
            beside.sync()  # before any of it bears its name; one call for all files
            hit("download.synced")
            self._place(beside)
        (files, received), (kept, reused) = moved["moved"], moved["reused"]
        hit("download.done")
        return TransferFigures(received, reused, files, kept, time.monotonic() - started)

    def _together(self, fetcher: Fetching, bring: "Bringer") -> Together[Entry, "Brought"] | None:
        """What fetches many small files at a time; where other downloads left some, each is looked for there."""
        if self._files.keeps_content or not isinstance(fetcher, Fetcher):
            return None
        if not fetcher.origin.storage.capabilities.many:
            return None
        return SmallFiles(fetcher, bring.is_new, bring.fetched)

    def _check(self, beside: Staging) -> None:
        """Refuse what could not be put into place, before anything is fetched."""
        if beside.folds_case:
            self._chosen.check_cases()
        with self._there() as there:
            if there is None:
                return
            for entry in self._chosen:
                self._crew.check()
                if entry.type == "directory":
                    there.check_directory(entry.path)
                else:
                    there.look(entry.path)

    def _there(self) -> AbstractContextManager[SafeTree | None]:
        """The destination, if there is one yet."""
        return tree_at(self._real) if os.path.isdir(self._real) else nullcontext()

    def _place(self, beside: Staging) -> None:
        """All is verified: move it in, file by file; each name shows its old or its new content, never a part."""
        self._crew.check()
        with local(f"make the directory {self._real!r}"):
            os.makedirs(self._real, exist_ok=True)
        self._files.settle()
        with tree_at(self._real) as there:
            for entry in self._chosen:
                if entry.type == "directory":
                    there.make_directory(entry.path)
                elif beside.tree.look(entry.path) is not None:
                    there.take_in(beside.tree, entry.path)
                    self._files.note_placed(there, entry)
                    hit("download.file_placed")
        self._files.settle()


@contextmanager
def tree_at(path: str) -> Iterator[SafeTree]:
    """The directory at `path`, to read and write below."""
    with local(f"read {path!r}"):
        descriptor = os.open(path, DIRECTORY)
    try:
        with closing(SafeTree(descriptor, path)) as tree:
            yield tree
    finally:
        os.close(descriptor)


class Bringer:
    """Sees to it that one file is either in the destination already or whole in the staging directory."""

    def __init__(
        self,
        there: SafeTree | None,
        staged: SafeTree,
        fetcher: Fetching,
        files: LocalFiles,
        crew: Crew,
        *,
        fresh: bool = False,
    ) -> None:
        """`there`: the destination, None when there is none yet. `fresh`: no earlier try left anything in `staged`."""
        self._there = there
        self._fresh = fresh
        self._staged = staged
        self._fetcher = fetcher
        self._files = files
        self._crew = crew

    def is_new(self, entry: Entry) -> bool:
        """Whether neither the destination nor an earlier try has anything of the file."""
        here = self._there is not None and self._there.look(entry.path) is not None
        return not here and (self._fresh or self._staged.look(entry.path) is None)

    def fetched(self, entry: Entry) -> Brought:
        """What is to be done once a file was fetched, and what happened to it."""
        self._files.keep(self._staged, entry)
        self._crew.progress.advance(files=1)
        return "moved", entry.size

    def __call__(self, entry: Entry) -> Brought:
        """What happened, and the size of the file."""
        if entry.type == "directory":
            return "directory", 0
        if not self._is_here(entry):
            self._fetcher.fetch(entry)
            return self.fetched(entry)
        self._crew.progress.advance(files=1, bytes=entry.size)
        return "reused", entry.size

    def _is_here(self, entry: Entry) -> bool:
        if self._there is not None and self._files.is_in_place(self._there, entry):
            # A part from an earlier try must not be moved over what is right.
            self._staged.remove(entry.path)
            return True
        return self._files.is_equal(self._staged, entry) or self._files.from_cache(self._staged, entry)
