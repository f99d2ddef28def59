"""Reading an object back, to learn whether it is the one that was meant."""

from wabucketref.contracts.storage import ObjectInfo, Storage
from wabucketref.store.digest import Digest
from wabucketref.store.pool import Crew


def digest_in_store(storage: Storage, info: ObjectInfo, crew: Crew) -> str:
    """The digest of an object, read in pieces within the budget."""
    digest, step = Digest(), min(crew.limits.part_size, max(info.size, 1))
    held = crew.budget.acquire(step, crew.check)
    try:
        for start in range(0, info.size, step):
            crew.check()
            digest.update(storage.read_range(info.key, start, step))
    finally:
        crew.budget.release(held)
    return digest.value()
