"""Removing garbage: each piece under the claim on its alias where it has one, and only while it is what was found."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby

from wabucketref.contracts.storage import ObjectInfo, Storage
from wabucketref.errors import (
    Conflict,
    IntegrityError,
    NotFound,
    ReplacedWhileReading,
    UpgradeRequired,
)
from wabucketref.failpoints import hit
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.claims.held import Held
from wabucketref.store.claims.single import read_claim
from wabucketref.store.claims.take import take_claim
from wabucketref.store.collect.age import Clock
from wabucketref.store.collect.finding import GC_XID, Item
from wabucketref.store.collect.inventory import modified
from wabucketref.store.collect.orphans import orphans
from wabucketref.store.engine.pool import Crew
from wabucketref.store.format.layout import Layout
from wabucketref.store.header import Absent, look, read_header
from wabucketref.store.identity import Identity
from wabucketref.store.linked import check_unlinked, read_mark, settle_mark
from wabucketref.store.withdraw import delete_seen


class Spared(Exception):
    """It is no garbage any more, or was none; the text says why."""


def carry_out(
    storage: Storage, me: Identity, crew: Crew, clock: Clock, items: Sequence[Item]
) -> Iterator[tuple[Item, str | None]]:
    """Remove `items`; of each None or why it was kept. What belongs to one alias is removed in series, and marks go
    before all else: whoever removes files looks at marks of links, and must not meet one that is just being looked at.

    Raises:
        WaBucketError: the first failure; what was yielded before stays true, and doing it again goes on.
    """
    collecting = _Collecting(storage, me, crew, clock)
    marks, others = [one for one in items if one.kind == "mark"], [one for one in items if one.kind != "mark"]
    for phase in (marks, others):
        groups = ([*group] for _, group in groupby(sorted(phase, key=_alias), key=_alias))
        for done in crew.in_order(collecting.group, groups, window=64):
            yield from done


def _alias(item: Item) -> str:
    return item.ref.directory if item.ref else ""


class _Collecting:
    def __init__(self, storage: Storage, me: Identity, crew: Crew, clock: Clock) -> None:
        self._storage = storage
        self._me = me
        self._crew = crew
        self._clock = clock
        self._conditional = storage.capabilities.replace_if_match

    def group(self, items: list[Item]) -> list[tuple[Item, str | None]]:
        return [(item, self._remove(item)) for item in items]

    def _remove(self, item: Item) -> str | None:
        self._crew.check()
        hit("gc.item")
        removing = {
            "unfinished": self._unfinished,
            "orphan": self._orphans,
            "parts": self._parts,
            "mark": self._mark,
        }.get(item.kind, self._object)
        try:
            removing(item)
        except (Spared, Conflict, ReplacedWhileReading, IntegrityError, UpgradeRequired, NotFound) as why:
            return str(why)
        finally:
            self._crew.progress.advance(files=1)
        hit("gc.item_removed")
        return None

    def _unfinished(self, item: Item) -> None:
        ref, layout = _ref(item), Layout.of(_ref(item))
        self._check_unfinished(ref)
        self._check_quiet(ref, layout)
        with self._claim(ref) as claim:
            self._check_no_header(ref, claim)
            left = [info for info in self._storage.list(layout.prefix) if not _is_claim(layout, info)]
            young = next((info for info in left if self._is_young(layout, info)), None)
            if young is not None:
                raise Spared(f"{young.key} is younger than a day")
            check_unlinked(self._storage, ref, self._me, self._crew.cancel)
            claim.touch()
            for info in left:
                self._delete(claim, info)
            claim.check()
            claim.commit_done()

    def _check_unfinished(self, ref: ArtifactRef) -> None:
        """As readers decide it: what they take for an upload, with a manifest or without, stays, and no claim of ours
        may come to lie there."""
        if self._is_legacy(ref):
            raise Spared("it is an upload of an earlier release")
        if read_header(self._storage, ref) is not None:
            raise Spared("it was committed meanwhile")

    def _is_legacy(self, ref: ArtifactRef) -> bool:
        there = look(self._storage, ref)
        return isinstance(there, Absent) and there.reason == "legacy"

    def _check_quiet(self, ref: ArtifactRef, layout: Layout) -> None:
        """Before the claim is taken, since that hides when the last one was renewed."""
        for info in [*self._storage.list(layout.control)]:
            found = read_claim(self._storage, info.key) if _is_claim(layout, info) else None
            if found is None or (found.body is not None and found.body.xid.startswith(GC_XID)):
                continue
            if not self._clock.is_old(modified(found.info)):
                raise Spared(f"somebody was at {ref} less than a day ago")

    def _check_no_header(self, ref: ArtifactRef, claim: Held) -> None:
        if read_header(self._storage, ref) is not None:
            claim.untouched()
            raise Spared("it was committed meanwhile")

    def _is_young(self, layout: Layout, info: ObjectInfo) -> bool:
        return not info.key.startswith(layout.token("")) and not self._clock.is_old(modified(info))

    def _orphans(self, item: Item) -> None:
        ref = _ref(item)
        with self._claim(ref) as claim:
            found = read_header(self._storage, ref)
            if found is None or found.header.write_id != item.write_id:
                raise Spared("another upload is there now" if found else "the upload is gone")
            claim.untouched()
            check_unlinked(self._storage, ref, self._me, self._crew.cancel)
            for info in orphans(self._storage, ref, found.header):
                if self._clock.is_old(modified(info)):
                    self._delete(claim, info)

    def _parts(self, item: Item) -> None:
        assert item.write is not None
        if item.ref is None or self._is_legacy(item.ref):
            self._storage.discard(item.write)
            return
        with self._claim(item.ref) as claim:
            claim.check()
            self._storage.discard(item.write)
            if read_header(self._storage, item.ref) is not None:
                claim.untouched()

    def _mark(self, item: Item) -> None:
        seen = _seen(item)
        self._check_same(seen)
        if item.ref is None:
            delete_seen(self._storage, seen.key, seen.etag)
            return
        mark = read_mark(self._storage, seen.key)
        if mark is not None and settle_mark(self._storage, mark, self._me, self._crew.cancel) is not None:
            raise Spared(f"{mark.ref} needs it")

    def _object(self, item: Item) -> None:
        """A claim, a token or what a trial left: whoever made it has not touched it for a day."""
        seen = _seen(item)
        self._check_same(seen)
        delete_seen(self._storage, seen.key, seen.etag)

    def _check_same(self, seen: ObjectInfo) -> None:
        """Times are not compared: some stores tell them finer in a listing than of one object."""
        now = self._storage.head(seen.key)
        if now is None:
            return
        changed = self._conditional and now.etag != seen.etag
        if changed or now.size != seen.size or not self._clock.is_old(modified(now)):
            raise Spared(f"{seen.key} was written anew meanwhile")

    @contextmanager
    def _claim(self, ref: ArtifactRef) -> Iterator[Held]:
        with take_claim(self._storage, ref, self._me, f"{GC_XID}{uuid.uuid4()}", self._crew.cancel) as claim:
            hit("gc.claimed")
            yield claim

    def _delete(self, claim: Held, info: ObjectInfo) -> None:
        """One object as it was listed; where the store knows no conditions it is looked at once more."""
        self._crew.check()
        claim.check()
        if not self._conditional and self._clock.is_old(modified(info)):
            self._check_same(info)
        delete_seen(self._storage, info.key, info.etag)
        hit("gc.object_gone")


def _ref(item: Item) -> ArtifactRef:
    assert item.ref is not None
    return item.ref


def _seen(item: Item) -> ObjectInfo:
    assert item.seen is not None
    return item.seen


def _is_claim(layout: Layout, info: ObjectInfo) -> bool:
    return info.key == layout.claim or info.key.startswith(layout.claims)
