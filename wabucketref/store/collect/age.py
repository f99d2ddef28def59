"""How old garbage must be, by the clock of the store that holds it."""

import secrets
import time
from functools import cached_property

from wabucketref.contracts.storage import Storage
from wabucketref.errors import NotAuthorised
from wabucketref.model.names import RESERVED_DIRECTORY
from wabucketref.store.claims.clock import now_by

AGE = 86400.0
"""Seconds without a sign of life."""


class Clock:
    """The store's clock, read once, and only when something needs it: that takes a small write."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def is_old(self, moment: float) -> bool:
        return moment < self.limit

    @cached_property
    def limit(self) -> float:
        """What was changed before this moment is old."""
        return self.now - AGE

    @cached_property
    def now(self) -> float:
        try:
            return now_by(self._storage, f"{RESERVED_DIRECTORY}-probe/clock-{secrets.token_hex(12)}")
        except NotAuthorised:
            return time.time()  # who may only read can have a plan, and nothing more
