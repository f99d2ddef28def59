"""Hashing an object where it lies, in pieces within the budget."""

from collections.abc import Callable

from wabucketref.contracts.storage import ObjectInfo, Storage
from wabucketref.errors import NotFound, SourceChanged
from wabucketref.store.engine.pool import Crew
from wabucketref.store.format.digest import Digest


def digest_in_store(storage: Storage, info: ObjectInfo, crew: Crew) -> str:
    """The digest of an object that was sent before, to learn whether it is the one that was meant."""
    return _hash(storage, info.key, info.size, crew, lambda size: None)


def hash_object(storage: Storage, key: str, size: int, etag: str | None, crew: Crew) -> tuple[str, ObjectInfo]:
    """The digest of an object that was listed with `size` and `etag`, and its facts once it was read: for uploads
    whose files are in the bucket already.

    Raises:
        SourceChanged: it was replaced or removed while it was read.
    """
    try:
        digest = _hash(storage, key, size, crew, lambda count: crew.progress.advance(bytes=count))
        now = storage.head(key)
    except NotFound as error:
        raise _changed(key) from error
    if now is None or (now.size, now.etag) != (size, etag or now.etag):
        raise _changed(key)
    crew.progress.advance(files=1)
    return digest, now


def _hash(storage: Storage, key: str, size: int, crew: Crew, advance: Callable[[int], None]) -> str:
    digest, step = Digest(), crew.limits.part_size
    held = crew.budget.acquire(min(step, size), crew.check)
    try:
        for start in range(0, size, step):
            crew.check()
            data = storage.read_range(key, start, min(step, size - start))
            digest.update(data)
            advance(len(data))
    finally:
        crew.budget.release(held)
    return digest.value()


def _changed(key: str) -> SourceChanged:
    return SourceChanged(f"{key!r} changed in the bucket while it was read", hint="run the same command again")
