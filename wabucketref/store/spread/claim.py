"""The claim of a transfer, as its workers see it: in the bucket."""

import threading
from typing import Final

from wabucketref.contracts.storage import Storage
from wabucketref.errors import UploadInProgress
from wabucketref.store.claims.clock import awake_seconds
from wabucketref.store.claims.single import read_claim
from wabucketref.store.format.layout import Layout

_TRUSTED: Final = 5.0
"""Seconds for which a look at the claim counts."""


class LookedUp:
    """Implements sending.guarded.Claim: passes only while the operation has its claim. Thread-safe."""

    def __init__(self, storage: Storage, layout: Layout, xid: str) -> None:
        one = storage.capabilities.create_if_absent
        self._key = layout.claim if one else layout.claim_of(xid)
        self._storage = storage
        self._xid = xid
        self._seen: float | None = None
        self._lock = threading.Lock()

    def check(self) -> None:
        """Look, unless that was done just now.

        Raises:
            UploadInProgress: the claim is another's, or gone: the upload is over.
        """
        with self._lock:
            now = awake_seconds()
            if self._seen is not None and now - self._seen < _TRUSTED:
                return
            found = read_claim(self._storage, self._key)
            if found is None or found.body is None or not found.is_of(self._xid) or found.body.state == "released":
                raise UploadInProgress(f"the upload that {self._key} was claimed for is over", hint="upload again")
            self._seen = now

    def touch(self) -> None:
        """As :meth:`check`: who holds the claim knows that files are being written."""
        self.check()
