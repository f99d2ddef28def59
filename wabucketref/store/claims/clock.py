"""The store's clock, read off an object that is put for that alone: claims must not depend on anyone's own clock."""

import time

from wabucketref.contracts.storage import Storage
from wabucketref.store.format.layout import Layout


def store_now(storage: Storage, layout: Layout, xid: str) -> float:
    """Seconds since the epoch by the clock that also stamps the claims."""
    return now_by(storage, layout.token(xid))


def now_by(storage: Storage, key: str) -> float:
    """As :func:`store_now`, by the object `key`, which nothing else has."""
    info = storage.put(key, f"{time.time_ns()}\n".encode())
    try:
        if info.modified is None:
            info = storage.head(key) or info
    finally:
        storage.delete(key)
    return info.modified if info.modified is not None else time.time()


def awake_seconds() -> float:
    """A clock that also runs while the machine sleeps, where the system has one."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)
