"""Reading an object back, to learn whether it is the one that was meant."""

from collections.abc import Iterator

from wabucketref.contracts.storage import ObjectInfo, Storage
from wabucketref.store.pool import Crew


def read_back(storage: Storage, info: ObjectInfo, crew: Crew) -> Iterator[bytes]:
    """The bytes of an object, in pieces."""
    step = crew.limits.part_size
    for start in range(0, info.size, step):
        crew.check()
        yield storage.read_range(info.key, start, step)
