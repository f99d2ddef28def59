"""Fetching one file of an artifact that another program logged, checked by whatever that program recorded of it."""

import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NoReturn

from wabucketref.contracts.tracker_files import KeptFile
from wabucketref.errors import IntegrityError, NotAuthorised, NotFound, TransientError, WaBucketError
from wabucketref.failpoints import hit
from wabucketref.model.manifest import Entry
from wabucketref.model.redact import public_url
from wabucketref.retry import retry
from wabucketref.store.disk.localio import local, write_at
from wabucketref.store.engine.pool import Crew
from wabucketref.store.engine.shown import Shown
from wabucketref.store.format.digest import Digest, Md5, digest_like
from wabucketref.store.kept.source import Facts, Source
from wabucketref.store.kept.sources import Sources
from wabucketref.store.receiving.safetree import SafeTree

_TRIES: Final = 3
_HELD: Final = 1 << 20
_MD5_ETAG: Final = re.compile(r"[0-9a-f]{32}")
_AT_ONCE: Final = 100
"""Links that are asked for together."""


class Links:
    """Where the tracker's own files can be had: asked for some at a time, as a link holds for minutes. Thread-safe."""

    def __init__(self, paths: Sequence[str], ask: Callable[[Sequence[str]], Mapping[str, str]]) -> None:
        self._paths = paths
        self._places = {path: number for number, path in enumerate(paths)}
        self._ask = ask
        self._known: dict[str, str] = {}
        self._lock = threading.Lock()

    def at(self, path: str, *, anew: bool = False) -> str:
        """Raises NotFound when the tracker has not the file."""
        with self._lock:
            if anew or path not in self._known:
                first = self._places[path]
                self._known |= self._ask(self._paths[first : first + _AT_ONCE])
            if path not in self._known:
                raise NotFound(f"the tracker does not have {path!r}")
            return self._known[path]


class KeptFetcher:
    """Fetches into `tree`. Thread-safe."""

    def __init__(
        self, files: Mapping[str, KeptFile], links: Links, sources: Sources, inside: str, tree: SafeTree, crew: Crew
    ) -> None:
        self._files = files
        self._links = links
        self._sources = sources
        self._inside = inside
        self._tree = tree
        self._crew = crew
        self._lock = threading.Lock()
        self.unverified = 0
        """Files whose bytes nothing vouched for."""

    def fetch(self, entry: Entry) -> None:
        """Store the file under its path, checked. Not yet durable.

        Raises:
            IntegrityError: it is not what was logged, or gone.
        """
        shown = Shown(self._crew.progress)
        descriptor = self._tree.create(entry.path)
        try:
            for number in range(1, _TRIES + 1):
                shown.restart()
                problem = self._once(entry, descriptor, shown, anew=number > 1)
                if problem is None:
                    break
                if number == _TRIES:
                    self._blame(entry, problem)
            hit("download.file_verified")
        finally:
            with local(f"write {entry.path!r}"):
                os.close(descriptor)

    def _once(self, entry: Entry, descriptor: int, shown: Shown, *, anew: bool) -> str | None:
        """What is wrong with it, if anything."""
        file = self._files[entry.path]
        try:
            source = self._source(file, anew)
            before = self._facts(source) if file.url is not None else Facts(None, None)
            if file.etag is not None and before.etag not in (None, file.etag):
                return f"it was replaced: its etag is {before.etag}, recorded is {file.etag}"
            by_etag = not entry.digest and _MD5_ETAG.fullmatch(file.etag or "") is not None
            size, digest = self._stream(source, entry, descriptor, shown, Md5.PREFIX if by_etag else entry.digest)
        except NotFound:
            return "it is gone"
        except NotAuthorised:
            if file.url is not None or anew:
                raise
            return "its link holds no more"
        if size != entry.size:
            return f"it has {size} bytes, recorded are {entry.size}"
        if entry.digest:
            return None if digest.value() == entry.digest else "its digest is another than recorded"
        if file.url is not None and self._facts(source) != before:
            return "it changed while it was read"
        if not (by_etag and isinstance(digest, Md5) and digest.hex() == file.etag):
            with self._lock:
                self.unverified += 1
        return None

    def _source(self, file: KeptFile, anew: bool) -> Source:
        url = self._links.at(file.path, anew=anew) if file.url is None else file.url
        return self._sources.at(url, self._inside)

    def _facts(self, source: Source) -> Facts:
        return retry(source.facts, self._crew.policy, what="looking at a reference", may_repeat=_may_repeat)

    def _stream(
        self, source: Source, entry: Entry, descriptor: int, shown: Shown, like: str
    ) -> tuple[int, Digest | Md5]:
        """Write all of it to `descriptor`; its size, and its digest of the kind of `like`."""

        def attempt() -> tuple[int, Digest | Md5]:
            digest, done = digest_like(like), 0
            shown.restart()

            def take(piece: memoryview) -> None:
                nonlocal done
                self._crew.check()
                digest.update(piece)
                with local(f"write {entry.path!r}"):
                    write_at(descriptor, piece, done)
                done += len(piece)
                shown.advance(len(piece))

            with local(f"write {entry.path!r}"):
                os.ftruncate(descriptor, 0)
            source.read_to(entry.size + 1, take)  # a byte too much would be noticed
            return done, digest

        held = self._crew.budget.acquire(min(_HELD, entry.size), self._crew.check)
        try:
            return retry(attempt, self._crew.policy, what=f"fetching {entry.path!r}", may_repeat=_may_repeat)
        finally:
            self._crew.budget.release(held)

    def _blame(self, entry: Entry, problem: str) -> NoReturn:
        url = self._files[entry.path].url
        where = f" at {public_url(url)}" if url is not None else ""
        raise IntegrityError(
            f"{entry.path!r}{where} is not what was logged: {problem}",
            hint="find out who changed it; --exclude leaves it out",
        )


def _may_repeat(error: WaBucketError) -> bool:
    """What a storage has tried often enough is not tried again."""
    return error.retryable and not (isinstance(error, TransientError) and error.exhausted)
