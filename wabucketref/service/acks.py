"""What the tracker has acknowledged: a low-water mark over records that are answered out of order."""

import logging
import threading
import time
from collections.abc import Iterable
from typing import Final

from wabucketref.errors import WaBucketError
from wabucketref.service.journal import Journal
from wabucketref.service.wabucket_pb2 import AcknowledgedRecord, Record

log = logging.getLogger(__name__)

_INTERVAL: Final = 1.0


class Acknowledgements:
    """Positions are those of records' first bytes. Thread-safe.

    The mark is noted in the journal now and then; a note that a kill prevents costs a harmless repetition.
    """

    def __init__(self, journal: Journal, start: int, *, held: bool = False) -> None:
        """`held`: nothing counts as acknowledged before :meth:`settle`, since the tracker only takes records then."""
        self._journal = journal
        self._held_at = start if held else None
        self._lock = threading.Lock()
        self._outstanding: dict[int, None] = {}  # ordered: the sender reads in order
        self._read_until = start
        self._noted = start
        self._noted_at = time.monotonic()

    def begin(self, positions: Iterable[int], end: int) -> None:
        """The sender took the records at `positions`, of which the last ends at `end`."""
        with self._lock:
            self._outstanding.update(dict.fromkeys(positions))
            self._read_until = end

    def done(self, positions: Iterable[int]) -> None:
        """The tracker has these, or need not have them."""
        with self._lock:
            for position in positions:
                self._outstanding.pop(position, None)
            due = time.monotonic() - self._noted_at >= _INTERVAL
        if due:
            self.note()

    def settle(self) -> None:
        """What the tracker took it has for certain."""
        with self._lock:
            self._held_at = None

    @property
    def mark(self) -> int:
        """Everything before it is acknowledged."""
        with self._lock:
            if self._held_at is not None:
                return self._held_at
            return next(iter(self._outstanding), self._read_until)

    def note(self) -> None:
        """Write the mark to the journal when it has moved. A journal that cannot take it now is no failure."""
        mark = self.mark
        with self._lock:
            if mark <= self._noted:
                return
            self._noted_at = time.monotonic()
        try:
            self._journal.append(Record(acknowledged=AcknowledgedRecord(position=mark)), urgent=False)
        except WaBucketError as error:
            log.info("what the tracker has is not noted: %s", error)
            return
        with self._lock:
            self._noted = max(self._noted, mark)
