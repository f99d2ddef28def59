"""The writer: what the handler accepted goes into the journal, and only then may anything act on it."""

from wabucketref.service.journal import Journal
from wabucketref.service.trace import Trace
from wabucketref.service.work import Work


class Writer:
    """Appends records. It runs on the thread of the call (docs/decisions/0002): when it returns, the record is kept."""

    def __init__(self, journal: Journal, trace: Trace) -> None:
        self._journal = journal
        self._trace = trace

    def write(self, work: Work) -> int:
        """The record's end position in the journal.

        Raises:
            LocalIOError: the journal cannot be written; the record is not accepted.
        """
        self._trace("WriterT", "journal", work)
        return self._journal.append(work.to_record(), urgent=not work.acknowledged_later)

    def sync(self) -> None:
        """Make all written so far survive power loss; callers at the same time share one ``fdatasync``."""
        self._journal.flush()
