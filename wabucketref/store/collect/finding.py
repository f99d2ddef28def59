"""What of a bucket is garbage. Nothing is changed, save that the store's clock is read off a small object."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from wabucketref.contracts.storage import ObjectInfo, Storage, UnfinishedWrite
from wabucketref.errors import (
    IntegrityError,
    NotAuthorised,
    NotFound,
    ReplacedWhileReading,
    UpgradeRequired,
    UsageError,
)
from wabucketref.model.garbage import Kept, Kind
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.claims.body import Found
from wabucketref.store.claims.single import read_claim
from wabucketref.store.collect.age import Clock
from wabucketref.store.collect.inventory import Alias, directory_of, is_artifact, modified, take_stock
from wabucketref.store.collect.orphans import may_have_orphans, orphans
from wabucketref.store.engine.pool import Crew
from wabucketref.store.format.layout import marked_base
from wabucketref.store.header import StoredHeader, read_header
from wabucketref.store.identity import Identity
from wabucketref.store.linked import Mark, covers, read_mark

GC_XID = "gc-"
"""How the xids begin of claims that a collection takes: no sign of life of what it collects."""

_UNREADABLE = (IntegrityError, UpgradeRequired, NotFound)
"""A manifest is damaged, of a later release, or of a name that differs in case."""


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of garbage."""

    kind: Kind
    what: str
    objects: int
    bytes: int | None
    newest: float
    """The last sign of life; minus infinity: there is none."""
    ref: ArtifactRef | None = None
    """The alias whose claim is taken to remove it."""
    seen: ObjectInfo | None = None
    """The one object that it is."""
    write: UnfinishedWrite | None = None
    write_id: str = ""
    """Of the upload beside whose files it lies."""


@dataclass
class Findings:
    """What was found: garbage, what only looks like it, and what could not be looked for."""

    items: list[Item] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    """Those of links that are there or being made."""
    live: set[str] = field(default_factory=set)
    """Directories of aliases that a live writer holds."""


def find_garbage(storage: Storage, me: Identity, crew: Crew, clock: Clock, prefix: str) -> Findings:
    """Look at all below `prefix`: empty, or ``TYPE/`` or ``TYPE/NAME/``."""
    return _Finding(storage, me, crew, clock, prefix).run()


class _Finding:
    def __init__(self, storage: Storage, me: Identity, crew: Crew, clock: Clock, prefix: str) -> None:
        self._storage = storage
        self._me = me
        self._crew = crew
        self._clock = clock
        self._prefix = prefix
        self._stock = take_stock(storage, prefix, crew.cancel)
        self._links: dict[tuple[str, str], bool] = {}
        """Base and write id of the links met."""
        self._xids: set[str] = set()
        """Of live claims."""
        self._legacy = {name for name, alias in self._stock.aliases.items() if not alias.is_ours}
        """Directories of uploads of earlier releases, and of plain data: a claim of ours would hide them."""
        self._blind = False
        """A manifest could not be read, which may be a link's."""
        self.found = Findings()

    def run(self) -> Findings:
        ours = ((directory, alias) for directory, alias in sorted(self._stock.aliases.items()) if alias.is_ours)
        for item in self._crew.in_order(self._alias, ours):
            self.found.items += item
        for info in self._stock.marks:
            self._mark(info)
        self._check_links()
        for info in self._stock.passing:
            if self._clock.is_old(modified(info)):
                self.found.items.append(Item("trial", info.key, 1, info.size, modified(info), seen=info))
        self._unfinished_writes()
        return self.found

    # ---- below an alias --------------------------------------------------------------------------------------------

    def _alias(self, given: tuple[str, Alias]) -> list[Item]:
        directory, alias = given
        ref = ArtifactRef(*directory.split("/"))
        claims = [found for found in (read_claim(self._storage, info.key) for info in alias.claims) if found]
        if any(self._is_live(found) for found in claims):
            self.found.live.add(directory)
            self._xids.update(found.body.xid for found in claims if found.body)
        if alias.header:
            return self._committed(ref, alias, claims)
        if alias.files and (claims or not alias.others) and all(one.adopts for one in claims):
            # An upload of an earlier release, as header.look sees it: one that is or was being adopted, or beside which
            # somebody looked at the clock.
            self._legacy.add(directory)
            return self._left_over(ref, alias.tokens)
        newest = max([alias.newest, *(modified(one.info) for one in claims if not _is_ours(one))])
        if directory in self.found.live or not self._clock.is_old(newest):
            return []
        objects = alias.files + len(claims) + len(alias.tokens) + alias.others
        return [Item("unfinished", str(ref), objects, alias.bytes, newest, ref)]

    def _committed(self, ref: ArtifactRef, alias: Alias, claims: list[Found]) -> list[Item]:
        try:
            found = read_header(self._storage, ref)
            if found is None:
                return []  # removed meanwhile
            if found.header.base is not None:
                self._links[found.header.base, found.header.write_id] = True
            spare = self._orphans(ref, alias, found)
        except ReplacedWhileReading:
            return []
        except _UNREADABLE as error:
            self.found.kept.append(Kept(str(ref), str(error)))
            self._blind = True
            spare = []
        if ref.directory in self.found.live:
            return []
        return [*spare, *self._left_over(ref, [*(one.info for one in claims), *alias.tokens])]

    def _left_over(self, ref: ArtifactRef, objects: Iterable[ObjectInfo]) -> list[Item]:
        """Those of our objects that are old."""
        old = [info for info in objects if self._clock.is_old(modified(info))]
        return [Item("claim", info.key, 1, info.size, modified(info), ref, info) for info in old]

    def _orphans(self, ref: ArtifactRef, alias: Alias, found: StoredHeader) -> list[Item]:
        if not may_have_orphans(alias, found.header):
            return []
        count, size, newest = 0, 0, -inf
        for info in orphans(self._storage, ref, found.header):
            self._crew.check()
            if self._clock.is_old(modified(info)):
                count, size, newest = count + 1, size + info.size, max(newest, modified(info))
        if not count:
            return []
        return [Item("orphan", str(ref), count, size, newest, ref, write_id=found.header.write_id)]

    def _is_live(self, found: Found) -> bool:
        return found.is_live(self._me, "", lambda: self._clock.now)

    # ---- links -----------------------------------------------------------------------------------------------------

    def _mark(self, info: ObjectInfo) -> None:
        try:
            mark = read_mark(self._storage, info.key)
        except IntegrityError as error:
            return self._damaged_mark(info, error)
        if mark is None:
            return None
        try:
            header = read_header(self._storage, mark.ref)
        except _UNREADABLE as error:
            self.found.marks.append(mark)
            self.found.kept.append(Kept(info.key, f"whether a link needs it cannot be told: {error}"))
            return None
        if (header is not None and header.header.write_id == mark.xid) or not self._clock.is_old(modified(info)):
            self.found.marks.append(mark)
        elif not self._holds(mark.ref):
            ref = None if mark.ref.directory in self._legacy else mark.ref
            self.found.items.append(Item("mark", info.key, 1, info.size, modified(info), ref, info))
        return None

    def _damaged_mark(self, info: ObjectInfo, error: IntegrityError) -> None:
        """Its key still says which link it is of; whether that is there is known when all headers were read."""
        base, xid = marked_base(info.key), info.key.rpartition("/")[2].removesuffix(".json")
        seen_all = not self._prefix and not self._blind
        if seen_all and (base, xid) not in self._links and xid not in self._xids and self._clock.is_old(modified(info)):
            self.found.items.append(Item("mark", info.key, 1, info.size, modified(info), seen=info))
        else:
            self.found.kept.append(Kept(info.key, str(error)))

    def _holds(self, ref: ArtifactRef) -> bool:
        """Whether a live writer is at an alias, which may lie outside of what was listed."""
        if ref.directory in self._stock.aliases:
            return ref.directory in self.found.live
        return not ref.directory.startswith(self._prefix)

    def _check_links(self) -> None:
        """Files that a link refers to are no garbage, wherever they lie."""
        kept = []
        for item in self.found.items:
            links = self.found.marks if item.kind in ("orphan", "unfinished") and item.ref else []
            link = next((mark.ref for mark in links if item.ref and self._reaches(mark, item.ref)), None)
            if link is None:
                kept.append(item)
            else:
                self.found.kept.append(Kept(item.what, f"{link} refers to files here"))
        self.found.items = kept

    def _reaches(self, mark: Mark, ref: ArtifactRef) -> bool:
        return reaches(self._storage, mark, ref)

    # ---- writes that are not over ----------------------------------------------------------------------------------

    def _unfinished_writes(self) -> None:
        if not self._storage.capabilities.lists_unfinished:
            return
        try:
            for write in self._storage.unfinished(self._prefix):
                self._crew.check()
                self._write(write)
        except (UsageError, NotAuthorised) as error:
            self.found.notes.append(f"unfinished writes were not looked for: {error}")

    def _write(self, write: UnfinishedWrite) -> None:
        directory = directory_of(write.key)
        alias = self._stock.aliases.get(directory or "")
        newest = inf if write.begun is None else write.begun
        if alias is not None:
            newest = max([newest, alias.newest, *map(modified, alias.claims)])
        if not self._clock.is_old(newest) or directory in self.found.live:
            return
        ours = directory is not None and is_artifact(directory) and directory not in self._legacy
        ref = ArtifactRef(*directory.split("/")) if directory is not None and ours else None
        self.found.items.append(Item("parts", write.key, 1, write.size, newest, ref, write=write))


def reaches(storage: Storage, mark: Mark, ref: ArtifactRef) -> bool:
    """Whether the link of `mark`, which is there or being made, has files of `ref`; in doubt it has."""
    at, base = f"{ref.directory}/", f"{mark.base}/" if mark.base else ""
    if mark.ref == ref or not (at.startswith(base) or base.startswith(at)):
        return False
    try:
        link = read_header(storage, mark.ref)
        return link is None or covers(storage, mark, link.header, ref.directory)
    except (*_UNREADABLE, ReplacedWhileReading):
        return True


def _is_ours(found: Found) -> bool:
    return found.body is not None and found.body.xid.startswith(GC_XID)
