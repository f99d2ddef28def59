"""Buckets in memory whose objects were changed long ago."""

from dataclasses import replace
from typing import Any

from wabucketref.contracts.storage import Storage
from wabucketref.store.drivers.memory import MemoryStorage
from wabucketref.store.wrappers.wrapper import Wrapper

DAY = 86400.0


def age(storage: Storage, prefix: str = "", seconds: float = 2 * DAY) -> None:
    """What lies below `prefix` was changed so much earlier; so it is with uploads in parts."""
    bucket = _memory(storage)._bucket
    for key, (data, info) in list(bucket.objects.items()):
        if key.startswith(prefix) and info.modified is not None:
            bucket.objects[key] = (data, replace(info, modified=info.modified - seconds))
    for place, begun in list(bucket.begun.items()):
        if place[0].startswith(prefix):
            bucket.begun[place] = begun - seconds


def _memory(storage: Any) -> MemoryStorage:
    while isinstance(storage, Wrapper):
        storage = storage.inner
    assert isinstance(storage, MemoryStorage)
    return storage
