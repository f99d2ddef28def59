"""Reading headers, and telling what is at an alias: an upload, an old one, an unfinished one, or nothing."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from wabucketref.contracts.storage import ObjectInfo, Storage
from wabucketref.errors import IntegrityError, NotFound, ReplacedWhileReading, UnfinishedUpload, WaBucketError
from wabucketref.model.manifest import MAX_HEADER_BYTES, Entry, Header
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.claims.single import read_claim
from wabucketref.store.format.entries import read_entries
from wabucketref.store.format.layout import Layout
from wabucketref.threads import Beside

T = TypeVar("T")
_CHUNK: Final = 1 << 20
_READS: Final = 3
_LOOKS: Final = 8
"""As often as writers may end, one after the other, while an alias is looked at."""


@dataclass(frozen=True, slots=True)
class StoredHeader:
    """A header and the facts of its object."""

    header: Header
    info: ObjectInfo

    @property
    def write_id(self) -> str:
        """The operation that wrote it."""
        return self.header.write_id


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no header: why."""

    reason: Literal["nothing", "legacy", "unfinished"]


@dataclass(frozen=True, slots=True)
class Damaged:
    """There is a header, and it cannot be read."""

    info: ObjectInfo
    error: IntegrityError
    write_id: Final = "damaged"
    """Stands for that of an operation that nobody knows any more."""


def where_is(storage: Storage, ref: ArtifactRef) -> str:
    """How messages name the manifest of an artifact."""
    return f"the manifest of {ref} in {storage.url}"


def read_header(storage: Storage, ref: ArtifactRef) -> StoredHeader | None:
    """The header of `ref`, None when there is none.

    Raises:
        IntegrityError: it is not a header, or one of another artifact.
        UpgradeRequired: a later release wrote it.
        NotFound: it is of an artifact whose name differs in case, on a disk that does not tell them apart.
    """

    def once() -> StoredHeader | None:
        try:
            data, info = storage.read(Layout.of(ref).header, limit=MAX_HEADER_BYTES)
        except NotFound:
            return None
        except IntegrityError as error:
            raise IntegrityError(f"{where_is(storage, ref)}: {error}", hint=_what_helps(ref)) from error
        return StoredHeader(decode_header(storage, ref, data), info)

    return read_whole(once)


def read_any(storage: Storage, ref: ArtifactRef) -> StoredHeader | Damaged | None:
    """As :func:`read_header`, for who replaces or removes what is there: damage stands in their way no more."""
    try:
        return read_header(storage, ref)
    except IntegrityError as error:
        info = storage.head(Layout.of(ref).header)
        return None if info is None else Damaged(info, error)


def read_whole(read: Callable[[], T]) -> T:
    """What `read` gives, which is asked again when it finds damage: that may have come about on the way.

    Raises:
        IntegrityError: it stays.
    """
    for _ in range(_READS - 1):
        with suppress(IntegrityError):
            return read()
    return read()


def decode_header(storage: Storage, ref: ArtifactRef, data: bytes) -> Header:
    """The header of `ref` out of what the store gave. Raises as :func:`read_header`."""
    where = where_is(storage, ref)
    try:
        header = Header.decode(data, where)
    except IntegrityError as error:
        raise IntegrityError(str(error), hint=_what_helps(ref)) from error
    found = (header.type, header.name, header.alias)
    if found != (ref.type, ref.name, ref.alias):
        if "/".join(found).casefold() == ref.directory.casefold():
            raise NotFound(
                f"{ref} is not in {storage.url}, whose disk takes {'/'.join(found)!r} for the same name",
                hint="names are told apart by their case",
            )
        raise IntegrityError(f"{where} says it is of {'/'.join(found)!r}", hint=_what_helps(ref))
    return header


def _what_helps(ref: ArtifactRef) -> str:
    return f"replace it from its source: wabucket upload … --overwrite; or remove it: wabucket rm {ref}"


def look_past_damage(storage: Storage, ref: ArtifactRef) -> StoredHeader | Damaged | Absent:
    """As :func:`look`, for who replaces or removes what is there. That nothing is, as before most uploads, takes one
    turn: the header is asked for while the directory is listed."""
    with Beside(lambda: _is_bare(storage, Layout.of(ref))) as bare:
        there = read_any(storage, ref)
    return there or (Absent("nothing") if bare.result() else look(storage, ref))


def _is_bare(storage: Storage, layout: Layout) -> bool:
    """Whether nothing lies there; but for what somebody left who looked at the clock, and died."""
    return all(info.key.startswith(layout.token("")) for info in storage.list(layout.prefix))


def look(storage: Storage, ref: ArtifactRef) -> StoredHeader | Absent:
    """What is at `ref`.

    Only a directory without any ``.wabucket/``, or with that of an adoption, is an upload of an earlier release: any
    other writer's claim comes before its first file and stays until the header is there. So the files are looked for
    first and ``.wabucket/`` after; and once more, since an upload that is being removed may lose its last file and its
    claim in between. A claim that was listed and is gone when it is read says nothing: what its writer left does.
    """
    found = _look_until_it_stands_still(storage, ref)
    legacy = isinstance(found, Absent) and found.reason == "legacy"
    return _look_until_it_stands_still(storage, ref) if legacy else found


def _look_until_it_stands_still(storage: Storage, ref: ArtifactRef) -> StoredHeader | Absent:
    for _ in range(_LOOKS):
        found = _look_once(storage, ref)
        if found is not None:
            return found
    return Absent("unfinished")


def _look_once(storage: Storage, ref: ArtifactRef) -> StoredHeader | Absent | None:
    """None: a writer ended meanwhile."""
    found = read_header(storage, ref)
    if found is not None:
        return found
    layout = Layout.of(ref)
    bare, has_files = True, False
    for info in storage.list(layout.prefix):
        bare = bare and info.key.startswith(layout.token(""))
        has_files = layout.path_of(info.key) is not None
        if has_files:
            break
    if bare:
        return Absent("nothing")
    control = [info.key for info in storage.list(layout.control)]
    if all(key.startswith(layout.token("")) for key in control):  # of somebody who looked at the clock, and died
        return Absent("legacy" if has_files else "nothing")
    # In this order: a claim that adopts is taken over before a file is touched.
    claims = [read_claim(storage, key) for key in control if key == layout.claim or key.startswith(layout.claims)]
    found = read_header(storage, ref)
    if found is not None:
        return found
    if None in claims:
        return None
    adopting = has_files and bool(claims) and all(claim is not None and claim.adopts for claim in claims)
    return Absent("legacy" if adopting else "unfinished")


def find(storage: Storage, ref: ArtifactRef) -> StoredHeader | None:
    """The committed upload at `ref`; None for one of an earlier release, which has no manifest.

    Raises:
        NotFound: nothing is there.
        UnfinishedUpload: an upload that did not commit.
    """
    found = look(storage, ref)
    if isinstance(found, StoredHeader):
        return found
    if found.reason == "legacy":
        return None
    if found.reason == "unfinished":
        raise UnfinishedUpload(
            f"{ref} is not in {storage.url}; an unfinished upload is there{_since(storage, ref)}",
            hint="wait for it, or finish it: repeat the upload or run `wabucket sync`",
        )
    raise NotFound(f"{ref} is not in {storage.url}", hint="`wabucket ls` shows what is there")


def _since(storage: Storage, ref: ArtifactRef) -> str:
    from wabucketref.store.claims.body import Found

    oldest = min((since for since in map(Found.since_of, _claims(storage, ref)) if since), default=None)
    return f" since {oldest}" if oldest else ""


def _claims(storage: Storage, ref: ArtifactRef) -> Iterator[bytes]:
    layout = Layout.of(ref)
    for info in storage.list(layout.control):
        if info.key == layout.claim or info.key.startswith(layout.claims):
            try:
                yield storage.read(info.key, limit=_CHUNK)[0]
            except NotFound:
                continue


def beginning(storage: Storage, ref: ArtifactRef) -> bytes | None:
    """What the list of files begins with, asked for while the header is: whose it is shows when it is read. None: it
    cannot be had now."""
    try:
        return storage.read_range(Layout.of(ref).entries, 0, _CHUNK)
    except WaBucketError:
        return None


def entries_of(storage: Storage, ref: ArtifactRef, header: Header, early: bytes | None = None) -> Iterator[Entry]:
    """The entries of a committed upload as a stream, checked as :func:`read_entries` does. `early`: their
    :func:`beginning`, as it seemed.

    Raises:
        IntegrityError: they are damaged or missing.
        ReplacedWhileReading: they are another upload's, which took this one's place.
    """
    where = where_is(storage, ref)
    try:
        yield from read_entries(_chunks(storage, Layout.of(ref).entries, early), header, where)
    except (NotFound, IntegrityError) as error:
        check_unchanged(storage, ref, header)
        if isinstance(error, NotFound):
            raise IntegrityError(f"{where} has lost its list of files", hint="upload it anew") from error
        raise


def check_unchanged(storage: Storage, ref: ArtifactRef, header: Header) -> None:
    """Look at the header again before blaming the bytes.

    Raises:
        ReplacedWhileReading: it is another one now, or gone.
    """
    now = read_header(storage, ref)
    if now is None or now.header.write_id != header.write_id:
        what = "removed or is being replaced" if now is None else "replaced"
        raise ReplacedWhileReading(f"{ref} was {what} while it was read", hint="try again")


def _chunks(storage: Storage, key: str, early: bytes | None) -> Iterator[bytes]:
    start = 0
    while True:
        data = storage.read_range(key, start, _CHUNK) if early is None else early
        early = None
        if data:
            yield data
        if len(data) < _CHUNK:
            return
        start += len(data)
