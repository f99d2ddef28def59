"""The buckets that a process has open, and what all its transfers share."""

import os
import threading
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from wabucketref.contracts.progress import Progress
from wabucketref.contracts.storage import Storage
from wabucketref.contracts.tracker_files import KeepingTracker
from wabucketref.contracts.transfer import Cancel
from wabucketref.retry import RetryPolicy
from wabucketref.store.cache.content import ContentCache
from wabucketref.store.cache.known import DigestCache
from wabucketref.store.engine.limits import Budget, Buffers, TransferLimits
from wabucketref.store.engine.pool import Crew
from wabucketref.store.identity import Identity
from wabucketref.store.kept.copies import HomeCopies

if TYPE_CHECKING:
    from wabucketref.store.kept.download import Kept
    from wabucketref.store.spread.sender import Spread


class Buckets:
    """Opens each bucket once. Thread-safe; all transfers share one budget of memory."""

    def __init__(
        self,
        open_storage: Callable[[str], Storage],
        *,
        identity: Identity,
        limits: TransferLimits,
        home: str | None = None,
        policy: RetryPolicy | None = None,
        digests: DigestCache | None = None,
        contents: ContentCache | None = None,
        open_spread: "Callable[[], Spread] | None" = None,
    ) -> None:
        """`open_storage` opens a bucket by its URL. `home`: a local directory that no upload may contain. `digests`:
        those of files that were hashed before. `contents`: what earlier downloads kept.
        `open_spread`: opens the executor by which files are moved."""
        self._open = open_storage
        self._me = identity
        self._limits = limits
        self._home = home
        self._policy = policy or RetryPolicy()
        self._digests = digests or DigestCache(None)
        self._contents = contents or ContentCache(None, 0)
        self._budget = Budget(limits.memory)
        self._buffers = Buffers(limits.memory // 2)
        self._open_spread = open_spread
        self._spread: Spread | None = None
        self._stores: dict[str, Storage] = {}
        self._lock = threading.Lock()
        self.copies = HomeCopies(os.path.join(home or "", "kept"), self._storage)
        """Of files that the tracker shall keep."""
        self._keeper: KeepingTracker | None = None

    def attach(self, keeper: KeepingTracker) -> None:
        """The tracker that keeps files itself; called once, before the first plan."""
        self._keeper = keeper

    @cached_property
    def kept(self) -> "Kept":
        """Artifacts that other programs logged to the tracker."""
        from wabucketref.store.kept.download import Kept  # its files may lie in the web

        return Kept(self._keeper, self._storage)

    def close(self) -> None:
        """Give connections back; idempotent."""
        with self._lock:
            stores, self._stores = self._stores, {}
            spread, self._spread = self._spread, None
        if spread is not None:
            spread.close()
        for storage in stores.values():
            storage.close()

    def _storage(self, bucket: str) -> Storage:
        with self._lock:
            if bucket not in self._stores:
                self._stores[bucket] = self._open(bucket)
            return self._stores[bucket]

    def _spread_over(self) -> "Spread | None":
        """The executor that files are moved by, opened for the first transfer; None: this process."""
        if self._open_spread is None:
            return None
        with self._lock:
            if self._spread is None:
                self._spread = self._open_spread()
            return self._spread

    def _crew(self, cancel: Cancel, progress: Progress) -> Crew:
        return Crew(self._limits, self._budget, cancel, progress, self._policy, self._buffers)
