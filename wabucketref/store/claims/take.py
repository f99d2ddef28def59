"""Taking the claim on an alias, in the way its store allows."""

from wabucketref.contracts.storage import Storage
from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import PreconditionFailed
from wabucketref.failpoints import hit
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.claims.body import Found
from wabucketref.store.claims.held import Held
from wabucketref.store.claims.single import read_claim, take_single
from wabucketref.store.format.layout import Layout
from wabucketref.store.identity import Identity
from wabucketref.store.withdraw import delete_seen


def take_claim(
    storage: Storage, ref: ArtifactRef, me: Identity, xid: str, cancel: Cancel, *, adopts: bool = False
) -> Held:
    """Become the one writer of `ref`. `adopts`: one that leaves the files as they are.

    Raises:
        UploadInProgress: another live writer has it.
        UnfinishedUpload: files shall be adopted that a dead writer may have changed.
    """
    layout, able = Layout.of(ref), storage.capabilities
    if able.create_if_absent and able.replace_if_match:
        taken = take_single(storage, layout, me, xid, adopts=adopts)
    else:
        from wabucketref.store.claims.listed import take_listed  # few stores need it

        taken = take_listed(storage, layout, me, xid, cancel.wait, adopts=adopts)
    hit("claim.taken")
    return Held(taken, str(ref))


def has_claim(storage: Storage, ref: ArtifactRef, xid: str) -> bool:
    """Whether a claim of the operation `xid` lies at `ref`."""
    layout = Layout.of(ref)
    found = (read_claim(storage, key) for key in (layout.claim, layout.claim_of(xid)))
    return any(one is not None and one.is_of(xid) for one in found)


def tidy_claims(storage: Storage, ref: ArtifactRef, me: Identity, xid: str) -> None:
    """Remove claims beside a committed header whose writers can never wake up: they died just after the commit, or when
    another went first. Those of the operation `xid` itself, which is over, are of earlier tries or of this one."""
    layout = Layout.of(ref)
    for info in list(storage.list(layout.control)):
        if info.key == layout.token(xid):
            storage.delete(info.key)
        elif info.key == layout.claim or info.key.startswith(layout.claims):
            found = read_claim(storage, info.key)
            if found is not None and (found.is_of(xid) or found.surely_dead(me, xid)):
                _remove(storage, found)


def _remove(storage: Storage, found: Found) -> None:
    try:
        delete_seen(storage, found.info.key, found.info.etag)
    except PreconditionFailed:
        # Another writer just took it over, and will give it back.
        return
