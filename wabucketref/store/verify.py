"""Verify: what lies in the bucket against the manifest."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from wabucketref.contracts.progress import SilentProgress
from wabucketref.contracts.storage import ObjectInfo, Storage
from wabucketref.errors import IntegrityError, NotFound, ReplacedWhileReading
from wabucketref.failpoints import hit
from wabucketref.model.manifest import Entry, Header
from wabucketref.model.reference import ArtifactRef
from wabucketref.model.result import Damage
from wabucketref.store.engine.limits import HELD_BYTES
from wabucketref.store.engine.pool import Crew
from wabucketref.store.format.digest import Digest
from wabucketref.store.format.layout import Layout, base_prefix, is_control
from wabucketref.store.header import check_unchanged, entries_of, read_whole
from wabucketref.store.objects import Objects

Reads = Callable[[Entry, ObjectInfo], bool]
"""Whether the bytes of an object are read, whose size is right."""


class Verified(NamedTuple):
    """What was looked at, and what is wrong."""

    files: int
    bytes: int
    damage: tuple[Damage, ...]
    extra: tuple[str, ...]


def verify(storage: Storage, ref: ArtifactRef, header: Header, *, deep: bool, crew: Crew) -> Verified:
    """Compare one listing, and when `deep` all bytes, with the manifest.

    Raises:
        IntegrityError: the manifest itself is damaged.
        ReplacedWhileReading: another upload took its place meanwhile.
    """
    crew.progress.start("verify", header.files, header.bytes)
    try:
        checking, damage = read_whole(lambda: _checked(storage, ref, header, lambda entry, info: deep, crew))
    finally:
        crew.progress.finish()
    if damage:
        check_unchanged(storage, ref, header)
    extra = tuple(sorted(checking.extra)) if header.base is None else ()
    return Verified(header.files, header.bytes, tuple(damage), extra)


def is_whole(storage: Storage, ref: ArtifactRef, header: Header, crew: Crew) -> bool:
    """Whether all that `header` promises is there. Bytes are read only where nothing else can tell: on disks, and of
    objects that another program put there."""

    def reads(entry: Entry, info: ObjectInfo) -> bool:
        return storage.capabilities.local or entry.etag is None or entry.etag != info.etag

    with Crew(crew.limits, crew.budget, crew.cancel, SilentProgress(), crew.policy) as checkers:
        try:
            return not read_whole(lambda: _checked(storage, ref, header, reads, checkers))[1]
        except (IntegrityError, ReplacedWhileReading):
            return False


def _checked(
    storage: Storage, ref: ArtifactRef, header: Header, reads: Reads, crew: Crew
) -> "tuple[_Checking, list[Damage]]":
    crew.begin_anew()
    base = Layout.of(ref).directory if header.base is None else header.base
    checking = _Checking(storage, base_prefix(base), reads, crew)
    return checking, list(checking.run(entries_of(storage, ref, header)))


class _Checking:
    def __init__(self, storage: Storage, prefix: str, reads: Reads, crew: Crew) -> None:
        self._storage = storage
        self._prefix = prefix
        self._reads = reads
        self._crew = crew
        self._there = Objects(prefix)

    def run(self, entries: Iterable[Entry]) -> Iterator[Damage]:
        for info in self._storage.list(self._prefix):
            self._crew.check()
            path = info.key[len(self._prefix) :]
            if not is_control(path.partition("/")[0]):
                self._there.add(info)
        files = (entry for entry in entries if entry.type == "file")
        for found in self._crew.in_order(self._check, files):
            if found is not None:
                yield found

    @property
    def extra(self) -> Iterable[str]:
        """Paths of objects that no entry named."""
        return (info.key[len(self._prefix) :] for info in self._there)

    def _check(self, entry: Entry) -> Damage | None:
        # Listings may be stale, and must not be the only witness.
        info = self._there.take(entry.path) or self._storage.head(self._prefix + entry.path)
        found, read = self._compare(entry, info)
        self._crew.progress.advance(files=1, bytes=0 if read and found is None else entry.size)
        hit("verify.file")
        return found

    def _compare(self, entry: Entry, info: ObjectInfo | None) -> tuple[Damage | None, bool]:
        """What is wrong, and whether the bytes were read to know it."""
        if info is None:
            return Damage(entry.path, "missing", entry.digest, ""), False
        if info.size != entry.size:
            return Damage(entry.path, "size", str(entry.size), str(info.size)), False
        if not self._reads(entry, info):
            return None, False
        return self._compare_bytes(entry, info), True

    def _compare_bytes(self, entry: Entry, info: ObjectInfo) -> Damage | None:
        try:
            found = self._hash(info)
            if found != entry.digest:
                found = self._hash(info)  # it may have been damaged on the way
        except NotFound:
            return Damage(entry.path, "missing", entry.digest, "")
        return None if found == entry.digest else Damage(entry.path, "digest", entry.digest, found)

    def _hash(self, info: ObjectInfo) -> str:
        digest = Digest()

        def take(piece: memoryview) -> None:
            self._crew.check()
            digest.update(piece)
            self._crew.progress.advance(bytes=len(piece))

        held = self._crew.budget.acquire(min(HELD_BYTES, info.size), self._crew.check)
        try:
            self._storage.read_to(info.key, 0, info.size, take)
        finally:
            self._crew.budget.release(held)
        return digest.value()
