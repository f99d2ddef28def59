"""What of an upload would not be sent, as far as that is known without reading the source."""

from contextlib import ExitStack
from itertools import chain

from wabucketref.contracts.storage import Storage
from wabucketref.model.plan import UploadPlan
from wabucketref.store.cache.known import KnownDigests
from wabucketref.store.engine.pool import Crew
from wabucketref.store.sending.earlier import Earlier
from wabucketref.store.source.tree import Tree


def reusable(storage: Storage, plan: UploadPlan, tree: Tree, known: KnownDigests, crew: Crew) -> tuple[int, int]:
    """How many files of `tree`, and bytes, lie in the bucket: of those whose digest is known on this machine.

    Nothing is written and no failure raised: what the bucket does not tell counts as not there. Nothing is asked where
    no digest is known.
    """
    hashed = ((found, digest) for found in tree if (digest := known.get(found)) is not None)
    files = size = 0
    first = next(hashed, None)
    if first is None:
        return files, size
    with Earlier(storage, plan.ref, plan.earlier, tree.files, crew) as earlier, ExitStack() as stack:
        own = earlier.read(plan.ref)  # uploaded once more, or about to be replaced
        if own is not None:
            stack.callback(own.close)
        for found, digest in chain((first,), hashed):
            if (own is not None and own.with_digest(digest)) or earlier.find(found.size, digest):
                files += 1
                size += found.size
    return files, size
