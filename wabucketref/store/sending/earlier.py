"""Earlier uploads of an artifact, whose equal files need not be sent again: which there are, and what they hold."""

import logging
import threading
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from wabucketref.contracts.storage import ObjectInfo, Storage
from wabucketref.errors import Interrupted, WaBucketError
from wabucketref.model.manifest import Entry, Header
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.disk.folding import local_place
from wabucketref.store.engine.pool import Crew
from wabucketref.store.format.layout import Layout
from wabucketref.store.header import entries_of, read_header
from wabucketref.store.sending.entryindex import EntryIndex

MOST: Final = 3
"""Uploads that are looked at, the newest first."""
_WORTH_ANOTHER: Final = 1 << 20
"""Bytes of a file that the newest upload does not have, for which the one before is read too."""
_LISTED: Final = 1000
"""Objects that are looked at where the bucket is asked which uploads there are: one request."""
_LISTED_LOCAL: Final = 20_000
_ENTRIES: Final = 10_000
_ENTRIES_A_FILE: Final = 20
_ENTRIES_MOST: Final = 2 << 20
_log = logging.getLogger(__name__)


class Original(NamedTuple):
    """A file that is in the bucket already."""

    entry: Entry
    seen: ObjectInfo
    """As its manifest has it."""

    @classmethod
    def of(cls, entry: Entry, key: str) -> "Original":
        return cls(entry, ObjectInfo(key, entry.size, entry.etag, entry.version))

    @property
    def key(self) -> str:
        return self.seen.key


class Earlier:
    """The files of earlier uploads. Nothing is asked before the first question; thread-safe, to be closed.

    `aliases`: those of the uploads, the newest first; None when the bucket has to tell. `files`: how many files the
    new upload has.
    """

    def __init__(
        self, storage: Storage, ref: ArtifactRef, aliases: Sequence[str] | None, files: int, crew: Crew
    ) -> None:
        self._storage = storage
        self._ref = ref
        self._aliases = None if aliases is None else [alias for alias in aliases if alias != ref.alias][:MOST]
        self._limit = min(_ENTRIES + _ENTRIES_A_FILE * files, _ENTRIES_MOST)
        self._crew = crew
        self._lock = threading.Lock()
        self._read: list[tuple[Layout, EntryIndex] | None] = []

    def prepare(self) -> bool:
        """Read what the first question needs; whether there is anything."""
        self.may_have(0)
        return any(self._read)

    def may_have(self, size: int) -> bool:
        """False when no file has this size; to know that costs less than a digest."""
        return any(index.may_have(size) for _, index in self._uploads(size))

    def find(self, size: int, digest: str) -> Original | None:
        """A file of this content."""
        for layout, index in self._uploads(size):
            entry = index.with_digest(digest)
            if entry is not None and entry.size == size:
                return Original.of(entry, layout.file(entry.path))
        return None

    def close(self) -> None:
        """Idempotent."""
        for found in self._read:
            if found is not None:
                found[1].close()

    def __enter__(self) -> "Earlier":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _uploads(self, size: int) -> Iterator[tuple[Layout, EntryIndex]]:
        """Those that were read, and as many more as a file of `size` bytes is worth."""
        number = 0
        while True:
            if number == len(self._read) and (size >= _WORTH_ANOTHER or number == 0):
                self._read_next(number)
            if number >= len(self._read):
                return
            found = self._read[number]
            if found is not None:
                yield found
            number += 1

    def _read_next(self, number: int) -> None:
        with self._lock:
            if self._aliases is None:
                self._aliases = self._in_bucket()
            if number == len(self._read) and number < len(self._aliases):
                self._read.append(self._upload(ArtifactRef(self._ref.type, self._ref.name, self._aliases[number])))

    def _upload(self, ref: ArtifactRef) -> tuple[Layout, EntryIndex] | None:
        """What an upload holds; None when it is gone, damaged, or no use."""
        self._crew.check()
        index = self.read(ref)
        return None if index is None else (Layout.of(ref), index)

    def read(self, ref: ArtifactRef, header: Header | None = None) -> EntryIndex | None:
        """The entries of an upload, whose `header` may be known; None when it is gone, damaged, linked or too long."""
        try:
            if header is None:
                found = read_header(self._storage, ref)
                header = found.header if found else None
            if header is None or header.base is not None or header.entries_count > self._limit:
                return None  # what lies elsewhere, others may change at any time
            return EntryIndex(entries_of(self._storage, ref, header), header.entries_count)
        except Interrupted:
            raise
        except WaBucketError as error:
            _log.info("nothing of %s is reused: %s", ref, error)
            return None

    def _in_bucket(self) -> list[str]:
        """The aliases of the newest uploads of the artifact, as far as a short listing shows them."""
        prefix, newest = f"{self._ref.type}/{self._ref.name}/", list[tuple[float, str]]()
        most = (
            _LISTED if local_place(self._storage) is None else _LISTED_LOCAL
        )  # (capabilities may be probed by writing)
        try:
            for info in islice(self._storage.list(prefix), most):
                alias = _committed(info, prefix)
                if alias is not None and alias != self._ref.alias:
                    newest.append((info.modified or 0.0, alias))
        except Interrupted:
            raise
        except WaBucketError as error:
            _log.info("earlier uploads of %s are not found: %s", self._ref, error)
        return [alias for _, alias in sorted(newest, reverse=True)[:MOST]]


def _committed(info: ObjectInfo, prefix: str) -> str | None:
    """The alias whose header the object is."""
    alias, _, rest = info.key[len(prefix) :].partition("/")
    return alias if rest and info.key == f"{prefix}{alias}/.wabucket/manifest.json" else None
