"""The claim on stores without conditional writes: one object a writer, and only the lowest lone one goes on.

Each writer puts its own object and only then lists, so of two writers at least one sees the other. A writer found
``holding`` was alone once and stays; among those that wait the lowest xid stays and the others withdraw. The stores
must list what was written before. What cannot be excluded here: a writer that is frozen between its last check and a
write; ``doctor`` says so.
"""

import secrets
from collections.abc import Callable
from dataclasses import replace

from wabucketref.contracts.storage import Storage
from wabucketref.errors import PreconditionFailed
from wabucketref.failpoints import hit
from wabucketref.store.claims.body import Body, Found, Taken
from wabucketref.store.claims.clock import store_now
from wabucketref.store.claims.single import check_untouched, in_progress, inherits_clean, read_claim
from wabucketref.store.format.layout import Layout
from wabucketref.store.identity import Identity

_PATIENCE = 50
_PAUSE = 0.2


def take_listed(
    storage: Storage, layout: Layout, me: Identity, xid: str, pause: Callable[[float], None], *, adopts: bool = False
) -> Taken:
    """Take ``claims/<xid>.json`` and go on only when alone. `pause` sleeps between two looks.

    Raises:
        UploadInProgress: a live writer holds the alias or comes before this one; the own claim is withdrawn.
        UnfinishedUpload: with `adopts`, a dead one held it that may have changed the files.
    """
    before = _others(storage, layout, "")
    own = next((found for found in before if found.info.key == layout.claim_of(xid)), None)
    if own is not None and own.is_live(me, xid, lambda: store_now(storage, layout, xid)):
        raise in_progress(layout, own)
    clean = all(inherits_clean(found, me, xid) for found in before)
    dead = [found for found in before if not found.is_live(me, xid, lambda: store_now(storage, layout, xid))]
    if adopts:
        check_untouched(layout, dead)
    body = replace(Body.new(me, xid, secrets.token_hex(8), "waiting", adopts=adopts), clean=clean)
    lease = ListedLease(storage, layout, body, [found.info.key for found in dead])
    lease.put("waiting")
    hit("claim.waiting")
    try:
        _wait_alone(storage, layout, me, xid, pause)
    except BaseException:
        lease.withdraw(had_claim=own is not None)
        raise
    lease.put("holding")
    return Taken(lease, reusable=bool(before) and clean, fresh=not before)


def _wait_alone(storage: Storage, layout: Layout, me: Identity, xid: str, pause: Callable[[float], None]) -> None:
    for _ in range(_PATIENCE):
        rivals = [
            found
            for found in _others(storage, layout, layout.claim_of(xid))
            if found.is_live(me, xid, lambda: store_now(storage, layout, xid))
        ]
        for found in rivals:
            if _goes_first(found, layout.claim_of(xid)):
                raise in_progress(layout, found)
        if not rivals:
            return
        pause(_PAUSE)
    raise in_progress(layout, rivals[0])


def _goes_first(found: Found, key: str) -> bool:
    return found.body is None or found.body.state != "waiting" or found.info.key < key


def _others(storage: Storage, layout: Layout, own: str) -> list[Found]:
    """All claims, of either kind, but `own`."""
    keys = [info.key for info in storage.list(layout.control)]
    claims = [key for key in keys if key != own and (key == layout.claim or key.startswith(layout.claims))]
    return [found for found in (read_claim(storage, key) for key in claims) if found is not None]


class ListedLease:
    """See :class:`~wabucketref.store.claims.body.Lease`."""

    def __init__(self, storage: Storage, layout: Layout, body: Body, dead: list[str]) -> None:
        self._storage = storage
        self._dead = dead
        self._key = layout.claim_of(body.xid)
        self._body = body

    def put(self, state: str) -> None:
        self._body = self._body.next(state)
        self._storage.put(self._key, self._body.encode())

    def renew(self) -> None:
        found = read_claim(self._storage, self._key)
        if found is None or found.body is None or found.body.nonce != self._body.nonce:
            raise PreconditionFailed(f"{self._key} is another writer's now")
        self.put("holding")

    def give_back(self, *, keep_trace: bool) -> None:
        if keep_trace:
            self.put("released")
            return
        # A writer taken for dead that wakes up misses its claim and stops.
        for key in {*self._dead, self._key}:
            self._storage.delete(key)

    def withdraw(self, *, had_claim: bool) -> None:
        """Step back before anything was written; that of an earlier try, which this one replaced, leaves its trace."""
        if had_claim:
            self.put("released")
        else:
            self._storage.delete(self._key)
