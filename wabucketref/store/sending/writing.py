"""One write to an alias, common to upload, link and adopt: look, claim, withdraw, fill, commit."""

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO, TypeAlias

from wabucketref.contracts.storage import ObjectInfo, Storage
from wabucketref.errors import (
    AliasTaken,
    NotDurable,
    PreconditionFailed,
    UploadInProgress,
    UsageError,
    WaBucketError,
)
from wabucketref.failpoints import hit
from wabucketref.model.manifest import MAX_HEADER_BYTES, Entry, Header
from wabucketref.model.plan import AdoptPlan, Committed, LinkPlan, TransferFigures, UploadPlan
from wabucketref.store.claims.held import Held
from wabucketref.store.claims.take import take_claim, tidy_claims
from wabucketref.store.disk.folding import check_spelling
from wabucketref.store.disk.spool import Spool
from wabucketref.store.engine.pool import Crew
from wabucketref.store.format.entries import EntriesWriter, Totals
from wabucketref.store.format.layout import Layout, mark_of
from wabucketref.store.format.times import rfc3339
from wabucketref.store.header import Absent, Damaged, StoredHeader, look_past_damage, read_any
from wabucketref.store.identity import Identity
from wabucketref.store.legacy import check_legacy
from wabucketref.store.linked import check_unlinked, mark_again, unmark, unmark_all
from wabucketref.store.sending.commit import alias_taken, commit
from wabucketref.store.sending.committed import Moved, committed
from wabucketref.store.sending.guarded import Guarded
from wabucketref.store.sending.seen import Seen
from wabucketref.store.verify import is_whole
from wabucketref.store.withdraw import delete_seen
from wabucketref.threads import Beside

Looked: TypeAlias = StoredHeader | Damaged | Absent
_log = logging.getLogger(__name__)
_SPOOL_BYTES = 8 << 20
_NOTHING = Totals("blake3:" + "0" * 64, 0, 0, "blake3:" + "0" * 64, 0, 0)


class Room:
    """The artifact's directory while this writer holds the claim."""

    def __init__(
        self, storage: Storage, layout: Layout, claim: Held, crew: Crew, seen: Seen, replaced: Header | None = None
    ) -> None:
        self.layout = layout
        self.replaced = replaced
        """The header of other content that was withdrawn, whose files are still there."""
        self.claim = claim
        self.seen = seen
        self.guarded = Guarded(storage, claim, crew)


class Writing:
    """A write of `plan`. `same(header)` says whether the source has the content of `header`, without sending."""

    def __init__(
        self,
        storage: Storage,
        plan: UploadPlan | LinkPlan | AdoptPlan,
        me: Identity,
        crew: Crew,
        same: Callable[[Header], bool],
    ) -> None:
        self._storage = storage
        self._plan = plan
        self._ref = plan.ref
        self._layout = Layout.of(plan.ref)
        self._me = me
        self._crew = crew
        self._same = same
        self._moved = Moved()
        self._overwrite = isinstance(plan, UploadPlan) and plan.overwrite
        self._adopts = isinstance(plan, AdoptPlan)
        if len(self._header(_NOTHING).encode()) > MAX_HEADER_BYTES - 4096:
            raise UsageError("the metadata does not fit into a manifest", hint="store large metadata as a file")

    def run(
        self, fill: Callable[[Room, Moved], Iterator[Entry]], look: Callable[[], Looked] | None = None
    ) -> Committed:
        """Commit what `fill` yields in order of path while it stores the files. `look`: what is there, where somebody
        has asked already.

        Raises:
            AliasTaken: the alias holds other content.
            UploadInProgress: another writer is at it.
            Conflict: it shall be replaced, but links refer to its files; or the disk takes its name for another's.
            NotFound, UnfinishedUpload: it shall be adopted, but there is no upload of an earlier release.
        """
        check_spelling(self._storage, self._ref)
        there = look() if look else look_past_damage(self._storage, self._ref)
        done = self._settled(there)
        if done is not None:
            return done
        try:
            claim = take_claim(
                self._storage, self._ref, self._me, self._plan.xid, self._crew.cancel, adopts=self._adopts
            )
        except UploadInProgress:
            done = self._settled(read_any(self._storage, self._ref))
            if done is not None and not self._overwrite:
                return done
            raise
        with claim:
            hit("upload.claimed")
            return self._under_claim(claim, there, fill)

    def _settled(self, there: StoredHeader | Damaged | Absent | None) -> Committed | None:
        """The outcome when the alias holds the content already; None when there is something to do.

        Raises:
            AliasTaken: it holds other content and may not be overwritten.
            IntegrityError: its manifest is damaged and may not be overwritten.
            NotFound, UnfinishedUpload: as :meth:`run`.
        """
        if isinstance(there, Damaged):
            if not self._overwrite:
                raise there.error
            return None
        if isinstance(there, Absent):
            self._check_absent(there)
            return None
        if there is None:
            return None
        ours = there.header.write_id == self._plan.xid
        if ours or (self._same(there.header) and self._may_stay(there.header)):
            return self._already(there.header)
        if not self._overwrite:
            with suppress(WaBucketError):  # what it finds stands in nobody's way
                tidy_claims(self._storage, self._ref, self._me, self._plan.xid)
            raise alias_taken(self._ref, there.header)
        return None

    def _may_stay(self, header: Header) -> bool:
        """Overwriting is also how damage is mended."""
        return not self._overwrite or is_whole(self._storage, self._ref, header, self._crew)

    def _check_absent(self, there: Absent) -> None:
        if self._adopts:
            check_legacy(self._storage, self._ref, there)
        elif there.reason == "legacy" and not self._overwrite:
            raise AliasTaken(
                f"{self._ref} holds an upload of an earlier release, without a manifest",
                hint=f"`wabucket adopt {self._ref}` gives it one; choose another alias, or replace it with --overwrite",
            )

    def _already(self, header: Header) -> Committed:
        tidy_claims(self._storage, self._ref, self._me, self._plan.xid)
        if isinstance(self._plan, LinkPlan):
            mark_again(self._storage, self._ref, header)
            if header.write_id != self._plan.xid:
                self._storage.delete(mark_of(self._plan.base, self._plan.xid))  # of a try that died before its commit
        figures = TransferFigures(0, header.bytes, 0, header.files, self._moved.figures().seconds)
        return committed(self._storage, self._ref, header, self._plan.xid, figures, already_there=True)

    def _under_claim(self, claim: Held, before: Looked, fill: Callable[[Room, Moved], Iterator[Entry]]) -> Committed:
        with Beside(lambda: Seen(self._storage, self._layout)) as lying:
            now = read_any(self._storage, self._ref)
        if now is not None:
            claim.untouched()
            done = None if _equal(now, before) else self._settled(now)
            if done is not None:
                return done
        if self._overwrite:
            check_unlinked(self._storage, self._ref, self._me, self._crew.cancel)
        if now is not None:
            self._withdraw(claim, now)
        elif self._overwrite and before != Absent("nothing"):
            unmark_all(self._storage, self._ref)
        room = Room(self._storage, self._layout, claim, self._crew, lying.result(), self._replaced(now))
        with Spool(_SPOOL_BYTES) as spool:
            writer = EntriesWriter(spool, self._ref)
            for entry in fill(room, self._moved):
                writer.add(entry)
            totals = writer.finish()
            hit("upload.files_stored")
            if not self._adopts:
                self._remove_leftovers(room)
            with Beside(claim.renew) as renewed:
                self._put_entries(room, spool)
        renewed.result()
        return self._commit(claim, self._header(totals))

    def _replaced(self, there: StoredHeader | Damaged | None) -> Header | None:
        """The header of an upload whose files may stay: not of one that is mended, nor of what lies elsewhere."""
        if not isinstance(there, StoredHeader) or there.header.base is not None or self._same(there.header):
            return None
        return there.header

    def _withdraw(self, claim: Held, there: StoredHeader | Damaged) -> None:
        claim.touch()
        try:
            delete_seen(self._storage, self._layout.header, there.info.etag)
        except PreconditionFailed as error:
            raise UploadInProgress(f"{self._ref} was replaced meanwhile", hint="try again") from error
        self._storage.flush()  # power loss must not bring it back over files that are replaced now
        hit("upload.withdrawn")
        if isinstance(there, Damaged):
            unmark_all(self._storage, self._ref)
        else:
            unmark(self._storage, there.header)

    def _remove_leftovers(self, room: Room) -> None:
        for info in room.seen.leftovers():
            self._crew.check()
            room.guarded.delete(info)
        hit("upload.leftovers_removed")

    def _put_entries(self, room: Room, spool: IO[bytes]) -> None:
        size, key = spool.tell(), self._layout.entries
        seen = room.seen.take(key)
        spool.seek(0)
        if size <= self._crew.limits.multipart_threshold:
            room.guarded.put(key, spool.read(), seen)
        else:
            room.guarded.put_large(key, seen, lambda absent: self._stream(room, spool, size, absent), streamed=True)
        hit("upload.entries_put")

    def _stream(self, room: Room, spool: IO[bytes], size: int, if_absent: bool) -> ObjectInfo:
        spool.seek(0)
        return room.guarded.stream(self._layout.entries, _chunks(spool), size, if_absent)

    def _commit(self, claim: Held, header: Header) -> Committed:
        self._crew.check()
        self._storage.flush()
        claim.check()
        found = commit(self._storage, self._ref, header, self._crew.policy)
        self._keep(found)
        if not claim.commit_done():
            self._undo(found)
        hit("upload.claim_removed")
        already = found.header.write_id != header.write_id
        return committed(
            self._storage, self._ref, found.header, self._plan.xid, self._moved.figures(), already_there=already
        )

    def _keep(self, found: StoredHeader) -> None:
        """Make the commit survive power loss, or take it back: nobody shall rely on a header that may vanish."""
        try:
            self._storage.flush()
        except NotDurable:
            with suppress(WaBucketError):
                delete_seen(self._storage, self._layout.header, found.info.etag)
            raise

    def _undo(self, found: StoredHeader) -> None:
        """This process slept between its last look at the claim and the commit: the files may be another's by now."""
        if self._storage.capabilities.replace_if_match:
            delete_seen(self._storage, self._layout.header, found.info.etag)
        raise UploadInProgress(
            f"the claim on {self._ref} was taken over by another writer during the commit",
            hint="see what it uploaded, then repeat",
        )

    def _header(self, totals: Totals) -> Header:
        plan = self._plan
        return Header(
            write_id=plan.xid,
            type=plan.type,
            name=plan.name,
            alias=plan.alias,
            digest=totals.digest,
            files=totals.files,
            bytes=totals.bytes,
            entries_digest=totals.entries_digest,
            entries_bytes=totals.entries_bytes,
            entries_count=totals.entries_count,
            metadata=plan.metadata,
            run={"id": plan.run.id, "project": plan.run.project, "entity": plan.run.entity},
            created=rfc3339(plan.created),
            base=plan.base if isinstance(plan, LinkPlan) else None,
        )


def _equal(now: StoredHeader | Damaged, before: Looked) -> bool:
    if isinstance(now, Damaged):
        return isinstance(before, Damaged)
    return isinstance(before, StoredHeader) and before.header.write_id == now.header.write_id


def _chunks(spool: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: spool.read(1 << 20), b"")
