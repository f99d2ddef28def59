"""The one door to the tracker: a tracker that cannot be reached turns a run *pending*, never a failed upload."""

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from wabucketref.contracts.tracker import Tracker
from wabucketref.errors import AliasTaken, CopiesGone, UsageError, WaBucketError
from wabucketref.failpoints import hit
from wabucketref.model.result import Tracking
from wabucketref.retry import RetryPolicy, retry

log = logging.getLogger(__name__)

T = TypeVar("T")


class TrackerGate:
    """Calls the tracker under the retry policy. Thread-safe.

    After the first failure that is not a refusal of the one record, nothing more is sent (order matters: the tracker
    must see records as they were made); the journal keeps them for ``sync``.
    """

    def __init__(self, tracker: Tracker | None, policy: RetryPolicy) -> None:
        self._tracker = tracker
        self._policy = policy
        self._lock = threading.Lock()
        self.cause: WaBucketError | None = None

    @property
    def tracking(self) -> Tracking:
        """``disabled``: nothing is kept; ``pending``: offline or out of reach; ``recorded``: all is well."""
        if self._tracker is None or self.cause is not None:
            return "pending"
        return "recorded" if self._tracker.capabilities.records else "disabled"

    @property
    def settles_at_end(self) -> bool:
        """Whether the tracker is sure of a run's records only at its end."""
        return self._tracker is not None and self._tracker.capabilities.settles_at_end

    @property
    def open(self) -> bool:
        return self._tracker is not None and self.cause is None

    def call(self, what: str, action: Callable[[Tracker], T]) -> T | None:
        """What `action` returns; None when the tracker is out of reach (now or since earlier).

        Raises:
            UsageError, AliasTaken, CopiesGone: the tracker refuses this record for good.
        """
        tracker = self._tracker
        if tracker is None or self.cause is not None:
            return None
        hit("tracker.asked")
        try:
            answer = retry(lambda: action(tracker), self._policy, what=what)
            hit("tracker.answered")
            return answer
        except (UsageError, AliasTaken, CopiesGone):
            raise
        except WaBucketError as error:
            self.shut(error)
            return None

    def shut(self, cause: WaBucketError) -> None:
        """Send nothing more; the first cause is kept."""
        with self._lock:
            if self.cause is None:
                self.cause = cause
                log.warning("the tracker is out of reach, records stay in the journal: %s", cause)
