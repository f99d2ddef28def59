"""Removing an artifact from its bucket: the header first, so that no reader ever finds half of it."""

import logging
import uuid
from collections.abc import Callable

from wabucketref.contracts.storage import ObjectInfo, Storage
from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import NotFound, PreconditionFailed, UploadInProgress
from wabucketref.failpoints import hit
from wabucketref.model.manifest import Header
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.claims.held import Held
from wabucketref.store.claims.take import take_claim
from wabucketref.store.format.layout import Layout
from wabucketref.store.header import Absent, Damaged, StoredHeader, look_past_damage, read_any
from wabucketref.store.identity import Identity
from wabucketref.store.linked import check_unlinked, unmark, unmark_all
from wabucketref.store.withdraw import delete_seen

_log = logging.getLogger(__name__)


def unasked(header: Header | None) -> None:
    """Has no objection."""


def remove(
    storage: Storage,
    ref: ArtifactRef,
    me: Identity,
    cancel: Cancel,
    told: Callable[[Header | None], None],
    sure: Callable[[Header | None], None] = unasked,
) -> None:
    """Remove a committed, unfinished, damaged or old upload; what a link refers to stays. Safe to repeat after a crash.

    `sure` is asked under the claim, before anything goes: what it raises leaves all as it is. `told` hears of what had
    been committed, if anything, while nobody else can commit yet.

    Raises:
        NotFound: nothing is there.
        Conflict: links refer to its files.
        UploadInProgress: a live writer is at it, or it was replaced meanwhile.
    """
    found = look_past_damage(storage, ref)
    if isinstance(found, Absent) and found.reason == "nothing":
        raise NotFound(f"{ref} is not in {storage.url}", hint="`wabucket ls` shows what is there")
    with take_claim(storage, ref, me, f"rm-{uuid.uuid4()}", cancel) as claim:
        check_unlinked(storage, ref, me, cancel)
        there = read_any(storage, ref)
        if there is not None:
            claim.untouched()
        sure(there.header if isinstance(there, StoredHeader) else None)
        claim.touch()
        header, linked = _withdraw(storage, ref, there)
        _remove_files(storage, Layout.of(ref), claim, linked=linked)
        hit("remove.files_gone")
        claim.check()
        try:
            told(header)
        finally:
            claim.commit_done()
    hit("remove.done")
    if isinstance(found, StoredHeader | Damaged) and found.info.version is not None and storage.url.startswith("s3:"):
        _log.warning(
            "%s keeps old versions: what was removed takes room until your lifecycle rules or tools delete it",
            storage.url,
        )


def told_if_gone(storage: Storage, ref: ArtifactRef, me: Identity, cancel: Cancel, told: Callable[[], None]) -> bool:
    """Call `told`, and return True, if nothing is at `ref`, while nobody else can commit there.

    False when a writer is there: it tells what becomes of it.
    """
    try:
        claim = take_claim(storage, ref, me, f"rebuild-{uuid.uuid4()}", cancel)
    except UploadInProgress:
        return False
    with claim:
        gone = read_any(storage, ref) is None and not _has_files(storage, Layout.of(ref))
        try:
            if gone:
                told()
        finally:
            claim.commit_done()
    return gone


def _has_files(storage: Storage, layout: Layout) -> bool:
    return any(layout.path_of(info.key) is not None for info in storage.list(layout.prefix))


def _withdraw(storage: Storage, ref: ArtifactRef, found: StoredHeader | Damaged | None) -> tuple[Header | None, bool]:
    """Remove the header; what it was, and whether it was a link's."""
    if found is None:
        return None, unmark_all(storage, ref)
    try:
        delete_seen(storage, Layout.of(ref).header, found.info.etag)
    except PreconditionFailed as error:
        raise UploadInProgress(f"{ref} was replaced meanwhile", hint="look at it again, then repeat") from error
    storage.flush()  # power loss must not bring it back without its files
    hit("remove.header_gone")
    if isinstance(found, Damaged):
        return None, unmark_all(storage, ref)
    unmark(storage, found.header)
    return found.header, found.header.base is not None


def _remove_files(storage: Storage, layout: Layout, claim: Held, *, linked: bool) -> None:
    """Everything but claims: what is left in between has a claim, so it never looks like an old upload."""

    def is_ours(info: ObjectInfo) -> bool:
        if layout.path_of(info.key) is not None:
            return not linked
        return info.key == layout.entries or info.key.startswith(layout.token(""))

    for info in filter(is_ours, storage.list(layout.prefix)):
        claim.check()
        storage.delete(info.key)
        hit("remove.file_gone")
