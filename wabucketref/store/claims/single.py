"""The claim on stores with conditional writes: one object, created if absent, replaced only as it was seen."""

import secrets
from collections.abc import Sequence
from dataclasses import replace

from wabucketref.contracts.storage import ObjectInfo, Storage
from wabucketref.errors import (
    AlreadyExists,
    NotFound,
    OutcomeUnknown,
    PreconditionFailed,
    UnfinishedUpload,
    UploadInProgress,
)
from wabucketref.store.claims.body import MAX_CLAIM_BYTES, Body, Found, Taken
from wabucketref.store.claims.clock import store_now
from wabucketref.store.format.layout import Layout
from wabucketref.store.identity import Identity
from wabucketref.store.withdraw import delete_seen

_TRIES = 5


def take_single(storage: Storage, layout: Layout, me: Identity, xid: str, *, adopts: bool = False) -> Taken:
    """Take ``claim.json``.

    Raises:
        UploadInProgress: a live writer holds it.
        UnfinishedUpload: with `adopts`, a dead one held it that may have changed the files.
    """
    body, fresh = Body.new(me, xid, secrets.token_hex(8), adopts=adopts), True
    for _ in range(_TRIES):
        try:
            info = storage.put(layout.claim, body.encode(), if_absent=True)
            return Taken(SingleLease(storage, layout.claim, body, info), reusable=False, fresh=True)
        except (AlreadyExists, OutcomeUnknown):
            found = read_claim(storage, layout.claim)
        if found is None:
            continue
        if found.body is not None and found.body.nonce == body.nonce:
            # Our own object, whose answer was lost.
            lease = SingleLease(storage, layout.claim, found.body, found.info)
            return Taken(lease, reusable=not fresh and found.body.clean, fresh=fresh)
        if found.is_live(me, xid, lambda: store_now(storage, layout, xid)):
            raise in_progress(layout, found)
        if adopts:
            check_untouched(layout, [found])
        fresh = False
        taken = _take_over(storage, layout, replace(body, clean=inherits_clean(found, me, xid)), found)
        if taken is not None:
            return taken
    raise UploadInProgress(f"{layout.directory} is wanted by many writers at once", hint="try again")


def _take_over(storage: Storage, layout: Layout, body: Body, found: Found) -> Taken | None:
    try:
        info = storage.put(layout.claim, body.encode(), if_match=found.info.etag)
    except (PreconditionFailed, OutcomeUnknown):
        return None
    return Taken(SingleLease(storage, layout.claim, body, info), reusable=body.clean, fresh=False)


def inherits_clean(found: Found, me: Identity, xid: str) -> bool:
    """Whether files stored under the dead claim can be trusted to stay as they are seen now."""
    return found.body is not None and found.body.clean and (found.body.xid == xid or found.surely_dead(me, xid))


def read_claim(storage: Storage, key: str) -> Found | None:
    """The claim under `key`, None when there is none."""
    try:
        data, info = storage.read(key, limit=MAX_CLAIM_BYTES)
    except NotFound:
        return None
    return Found(Body.decode(data), info)


def check_untouched(layout: Layout, dead: Sequence[Found]) -> None:
    """Refuse to adopt files that a dead writer may have changed.

    Raises:
        UnfinishedUpload: one may have.
    """
    if not all(found.adopts for found in dead):
        raise UnfinishedUpload(
            f"{layout.directory} has an unfinished upload, which may have replaced files",
            hint="finish it: repeat the upload or run `wabucket sync`",
        )


def in_progress(layout: Layout, found: Found) -> UploadInProgress:
    return UploadInProgress(
        f"another upload to {layout.directory} is under way: {found.describe()}",
        hint="wait until it ends, or use another alias",
    )


class SingleLease:
    """See :class:`~wabucketref.store.claims.body.Lease`."""

    def __init__(self, storage: Storage, key: str, body: Body, info: ObjectInfo) -> None:
        self._storage = storage
        self._key = key
        self._body = body
        self._etag = info.etag

    def renew(self) -> None:
        self._replace("holding")

    def give_back(self, *, keep_trace: bool) -> None:
        if keep_trace:
            self._replace("released")
        else:
            delete_seen(self._storage, self._key, self._known_etag())

    def _replace(self, state: str) -> None:
        for last in (False, False, True):
            body = self._body.next(state)
            try:
                self._etag = self._storage.put(self._key, body.encode(), if_match=self._known_etag()).etag
                self._body = body
                return
            except (OutcomeUnknown, PreconditionFailed):
                # After a lost answer the object may hold this renewal or the one before: look whose it is.
                if self._catch_up() == body:
                    return
                if last:
                    raise

    def _catch_up(self) -> Body:
        found = read_claim(self._storage, self._key)
        if found is None or found.body is None or found.body.nonce != self._body.nonce:
            raise PreconditionFailed(f"{self._key} is another writer's now")
        self._body, self._etag = found.body, found.info.etag
        return found.body

    def _known_etag(self) -> str:
        if self._etag is None:
            info = self._storage.head(self._key)
            self._etag = info.etag if info else None
        if self._etag is None:
            raise PreconditionFailed(f"{self._key} is gone")
        return self._etag
