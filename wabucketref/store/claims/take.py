"""Taking the claim on an alias, in the way its store allows."""

from wabucketref.contracts.storage import Storage
from wabucketref.contracts.transfer import Cancel
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.claims.held import Held
from wabucketref.store.claims.listed import take_listed
from wabucketref.store.claims.single import take_single
from wabucketref.store.identity import Identity
from wabucketref.store.layout import Layout


def take_claim(storage: Storage, ref: ArtifactRef, me: Identity, xid: str, cancel: Cancel) -> Held:
    """Become the one writer of `ref`.

    Raises:
        UploadInProgress: another live writer has it.
    """
    layout, able = Layout.of(ref), storage.capabilities
    if able.create_if_absent and able.replace_if_match:
        taken = take_single(storage, layout, me, xid)
    else:
        taken = take_listed(storage, layout, me, xid, cancel.wait)
    return Held(taken, str(ref))
