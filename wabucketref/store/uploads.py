"""All uploads of a bucket in the order in which they were made: one listing, each header read once, several at a time.

Headers may hold much metadata, so what was read waits in a file until its turn comes.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from wabucketref.contracts.storage import Storage
from wabucketref.errors import IntegrityError, NotFound, UpgradeRequired, WaBucketError
from wabucketref.failpoints import hit
from wabucketref.model.manifest import Header
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.claims.single import read_claim
from wabucketref.store.collect.inventory import Alias, take_stock
from wabucketref.store.disk.spool import Spool
from wabucketref.store.engine.pool import Crew
from wabucketref.store.format.layout import Layout, base_prefix
from wabucketref.store.format.times import created_of
from wabucketref.store.header import Absent, StoredHeader, look, read_header, where_is

_SPOOL_BYTES: Final = 32 << 20


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload."""

    ref: ArtifactRef
    header: Header | None
    """None: an earlier release made it, without a manifest."""
    created: datetime
    committed: datetime
    """By the store's clock; of one without a manifest when its last file was changed."""
    files: int
    bytes: int
    etag: str | None = None
    """Of the header."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An upload whose header is damaged, of a later release, or of another name."""

    ref: ArtifactRef
    error: WaBucketError


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a header that was read waits, and what orders it."""

    created: datetime
    committed: float
    directory: str
    start: int = 0
    size: int = 0
    etag: str | None = None

    @property
    def order(self) -> tuple[datetime, float, str]:
        return self.created, self.committed, self.directory


class Uploads:
    """Reads them once; then they can be had in order. Use :func:`read_uploads`."""

    def __init__(self, storage: Storage, crew: Crew, spool: Spool) -> None:
        self._storage = storage
        self._crew = crew
        self._spool = spool
        self._places: list[_Place] = []
        self._bases: set[str] = set()
        self.unreadable: list[Unreadable] = []
        stock = take_stock(storage, "", crew.cancel).aliases
        crew.progress.start("read", sum(alias.header for alias in stock.values()), None)
        try:
            for place in crew.in_order(self._read, sorted(name for name, alias in stock.items() if alias.header)):
                if place is not None:
                    self._keep(*place)
        finally:
            crew.progress.finish()
        old = {name: alias for name, alias in stock.items() if alias.files and not alias.header}
        self._old = {name: alias for name, alias in old.items() if self._is_upload(name, alias)}
        self._places += [_Place(_moment(alias.newest), alias.newest, name) for name, alias in self._old.items()]
        self._places.sort(key=lambda place: place.order)

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Upload]:
        for place in self._places:
            ref = ArtifactRef(*place.directory.split("/"))
            old = self._old.get(place.directory)
            yield self._with_header(ref, place) if old is None else _without_header(ref, old)

    def still_there(self, uploads: Iterable[Upload]) -> list[Upload]:
        """Those whose header is still the one that was read; of those without one, which still are there."""
        return [one for one, there in self._crew.in_order(self._look, uploads) if there]

    def _look(self, upload: Upload) -> tuple[Upload, bool]:
        if upload.header is None:
            found = look(self._storage, upload.ref)
            return upload, isinstance(found, Absent) and found.reason == "legacy"
        info = self._storage.head(Layout.of(upload.ref).header)
        return upload, info is not None and info.etag == upload.etag

    def _read(self, directory: str) -> tuple[ArtifactRef, StoredHeader] | None:
        ref = ArtifactRef(*directory.split("/"))
        try:
            found = read_header(self._storage, ref)
            if found is not None:
                _created(found.header)
        except (IntegrityError, UpgradeRequired, NotFound) as error:
            self.unreadable.append(Unreadable(ref, error))
            found = None
        self._crew.progress.advance(files=1)
        hit("rebuild.header_read")
        return None if found is None else (ref, found)

    def _keep(self, ref: ArtifactRef, found: StoredHeader) -> None:
        data, start = found.header.encode(), self._spool.tell()
        self._spool.write(data)
        if found.header.base is not None:
            self._bases.add(found.header.base)
        committed = found.info.modified or 0.0
        self._places.append(_Place(_created(found.header), committed, ref.directory, start, len(data), found.info.etag))

    def _is_upload(self, directory: str, alias: Alias) -> bool:
        """Of an earlier release, also one that is being adopted, as ``header.look`` decides it."""
        if self._is_linked(directory):
            return False
        claims = [read_claim(self._storage, info.key) for info in alias.claims]
        return bool(claims or not alias.others) and all(found is None or found.adopts for found in claims)

    def _is_linked(self, directory: str) -> bool:
        """Data that a link refers to was there before, and is no upload."""
        at = f"{directory}/"
        return any(at.startswith(base_prefix(base)) or f"{base}/".startswith(at) for base in self._bases)

    def _with_header(self, ref: ArtifactRef, place: _Place) -> Upload:
        self._spool.seek(place.start)
        header = Header.decode(self._spool.read(place.size), where_is(self._storage, ref))
        committed = _moment(place.committed) if place.committed else place.created
        return Upload(ref, header, place.created, committed, header.files, header.bytes, place.etag)


@contextmanager
def read_uploads(storage: Storage, crew: Crew) -> Iterator[Uploads]:
    """Look at the whole bucket.

    Raises:
        NotAuthorised, TransientError: it cannot be read.
    """
    with Spool(_SPOOL_BYTES) as spool:
        yield Uploads(storage, crew, spool)


def _without_header(ref: ArtifactRef, alias: Alias) -> Upload:
    moment = _moment(alias.newest)
    return Upload(ref, None, moment, moment, alias.files, alias.bytes)


def _created(header: Header) -> datetime:
    """In UTC.

    Raises:
        IntegrityError: it is before or after all times.
    """
    try:
        return created_of(header).astimezone(UTC)
    except OverflowError as error:
        what = f"the manifest of {header.type}/{header.name}:{header.alias}"
        raise IntegrityError(f"{what} says it was made {header.created!r}") from error


def _moment(seconds: float) -> datetime:
    """The epoch where the store does not tell times."""
    return datetime.fromtimestamp(seconds if 0 <= seconds < 1e11 else 0.0, UTC)
