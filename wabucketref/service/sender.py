"""The sender: reads the journal from a cursor and lets each record do its work, in order.

Online work, work after a crash and offline work synced later are this one loop: they differ in where the cursor starts
and whether the gate to the tracker is open. Rows and lines are read some at a time, with rests between: who records
them
 needs the processor more than the tracker needs them at once. Any other record, and the end of the run, ends the rest.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from wabucketref import threads
from wabucketref.contracts.tracker import Tracker
from wabucketref.errors import WaBucketError
from wabucketref.failpoints import hit
from wabucketref.model.artifact import LoggedArtifact
from wabucketref.model.result import Tracking
from wabucketref.model.run import RunInfo, RunKey
from wabucketref.service import failures
from wabucketref.service.acks import Acknowledgements
from wabucketref.service.filestream import FileStream, Item
from wabucketref.service.gate import TrackerGate
from wabucketref.service.journal import Journal
from wabucketref.service.tickets import TicketTable
from wabucketref.service.trace import Trace
from wabucketref.service.wabucket_pb2 import ArtifactDone, HistoryRecord, Record
from wabucketref.service.work import Plan, Work, work_of

_REST: Final = 0.5
"""Seconds until rows and lines are read that came after the last reading; the longest rest too."""
_REST_FOR_WORK: Final = 30
"""Where a reading did not come to the journal's end, seconds of rest for each second of processor time it took: what
follows from it included, some 8 % of a processor however long the rows are."""

_DRAIN: Final = 3600.0
"""Seconds, at most, for the rows of a run to be taken before its end is told."""

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass
class RunStarted:
    """Whether the tracker knows the run; waiters wait on `event`."""

    event: threading.Event = field(default_factory=threading.Event)
    info: RunInfo | None = None


class Sender:
    """One thread a run; implements work.Outbox."""

    def __init__(
        self,
        key: RunKey,
        journal: Journal,
        position: int,
        gate: TrackerGate,
        tickets: TicketTable,
        start_transfer: Callable[[Plan], None],
        trace: Trace,
        holds: Callable[[LoggedArtifact], bool],
        *,
        is_late: bool,
    ) -> None:
        self.key = key
        self.holds = holds
        self.is_late = is_late
        self.partial_row: list[tuple[int, HistoryRecord]] = []
        self.started = RunStarted()
        self._journal = journal
        self._position = position
        self._gate = gate
        self._tickets = tickets
        self._start_transfer = start_transfer
        self._trace = trace
        self._acks = Acknowledgements(journal, position, held=gate.settles_at_end)
        self.filestream = FileStream(key, gate, self._acks.done, journal.flush)
        self._streamed: tuple[list[int], list[Item]] = [], []
        self._read_at = 0.0
        self._seen = position
        """Where the journal ended at the last reading."""
        self._errands: deque[tuple[int, Callable[[], None]]] = deque()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"sender-{key.run_id}", daemon=True)

    def start(self) -> None:
        self.filestream.start()
        try:
            threads.start(self._thread)
        except BaseException:
            self.filestream.close()
            raise

    @property
    def acknowledged(self) -> int:
        """Position up to which the tracker has everything."""
        return self._acks.mark

    def errand(self, action: Callable[[], None]) -> None:
        """Let `action` run on the sender's thread once everything journaled so far is processed; at once when there
        is no such thread any more. For finish."""
        with self._journal.changed:
            if not self._stopping:
                self._errands.append((self._journal.end, action))
                self._journal.changed.notify_all()
                return
        action()

    def stop(self, timeout: float) -> bool:
        """End the thread after the record it is at; whether it ended in time."""
        with self._journal.changed:
            self._stopping = True
            self._journal.changed.notify_all()
        self.filestream.close()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def note_acknowledged(self) -> None:
        """Keep the mark in the journal for the next owner."""
        self._acks.note()

    # ---- work.Outbox -----------------------------------------------------------------------------------------------

    @property
    def tracking(self) -> Tracking:
        return self._gate.tracking

    def track(self, what: str, action: Callable[[Tracker], T]) -> T | None:
        self._trace("SenderT", "tracker", what)
        return self._gate.call(what, action)

    def drain(self) -> None:
        self._hand_over()
        self.filestream.flush(time.monotonic() + _DRAIN)

    def settle(self) -> None:
        if self._gate.open:
            self._acks.settle()

    def stream(self, positions: Iterable[int], item: Item) -> None:
        self._trace("SenderT", "FileStreamT", type(item).__name__)
        self._streamed[0].extend(positions)
        self._streamed[1].append(item)

    def transfer(self, plan: Plan) -> None:
        self._trace("SenderT", "DataPlane", f"plan xid={plan.xid}")
        self._start_transfer(plan)

    def publish(self, done: ArtifactDone) -> None:
        self._trace("SenderT", "tickets", f"ArtifactDone xid={done.xid}")
        self._tickets.publish(done)

    def run_started(self, info: RunInfo | None, error: WaBucketError | None = None) -> None:
        self.started.info = info
        self.started.event.set()

    # ---- the loop --------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while (action := self._next()) is not None:
                action()
                self._hand_over()
            self._run_errands()  # who walks the end of the run waits for them
        except WaBucketError as error:
            self._give_up(error)
        except Exception as error:
            log.debug("sender", exc_info=True)
            self._give_up(WaBucketError(f"the sender broke: {type(error).__name__}: {error}"))

    def _next(self) -> Callable[[], None] | None:
        """What to do next: an errand whose time has come, the next records, or None when stopping."""
        with self._journal.changed:
            while True:
                if self._stopping:
                    return None
                if self._errands and self._errands[0][0] <= self._position:
                    return self._errands.popleft()[1]
                rest = self._rest()
                if rest == 0:
                    return self._process_some
                self._journal.changed.wait(rest)

    def _rest(self) -> float | None:
        """Seconds until there is something to read; None: nothing is there."""
        if self._position >= self._journal.end:
            return None
        if self._errands or self._position < self._journal.urgent:
            return 0
        return max(0.0, self._read_at - time.monotonic())

    def _process_some(self) -> None:
        """The records that lie in one piece of the journal."""
        begun = time.thread_time()
        found = self._journal.read(self._position)
        starts = [self._position, *(end for end, _ in found)]
        if self._gate.open:
            self._acks.begin(starts[:-1], starts[-1])
        for start, (end, payload) in zip(starts, found, strict=False):
            if self._stopping:
                break
            self._process(start, end, work_of(Record.FromString(payload)))
            self._position = end
        self._read_at = time.monotonic() + self._rest_after(time.thread_time() - begun)

    def _rest_after(self, worked: float) -> float:
        """Seconds to rest after a reading that took `worked` seconds of processor time: none while there is more to
        read and nobody writes, since then nobody is disturbed."""
        before, self._seen = self._seen, self._journal.end
        if self._position >= self._seen:
            return _REST
        return 0.0 if before == self._seen else min(_REST, worked * _REST_FOR_WORK)

    def _hand_over(self) -> None:
        """Give the file stream what the last action made for it."""
        positions, items = self._streamed
        if items:
            self._streamed = [], []
            self.filestream.put(positions, items)

    def _process(self, start: int, end: int, work: Work) -> None:
        was_open = self._gate.open
        if work.acknowledged_later and not was_open:
            return  # it stays in the journal
        if work.durable:
            self._journal.flush(end)
        self._trace("journal", "SenderT", work)
        hit("sender.before_process")
        self._let_work(work, start)
        hit("sender.processed")
        if was_open and self._gate.open and not work.acknowledged_later:
            self._acks.done((start,))

    def _let_work(self, work: Work, position: int) -> None:
        try:
            work.process(self, position)
        except WaBucketError as error:
            log.warning("the tracker refuses %s: %s", work, error)
            self._refused(work, error)

    def _refused(self, work: Work, error: WaBucketError) -> None:
        """A refusal for good: the waiter gets it as the operation's error; without a waiter the run turns pending,
        so that it shows in the exit code."""
        xid = getattr(getattr(work, "record", None), "xid", "")
        if xid:
            self._tickets.publish(ArtifactDone(xid=xid, error=failures.to_message(error)))
        else:
            self.started.event.set()
            self._gate.shut(error)

    def _give_up(self, error: WaBucketError) -> None:
        self._gate.shut(error)
        self._tickets.break_all(error)
        self.started.event.set()
        self._run_errands()

    def _run_errands(self) -> None:
        """Those that are left when the thread ends; later ones are run by who brings them."""
        with self._journal.changed:
            errands, self._errands = list(self._errands), deque()
            self._stopping = True
        for _, action in errands:
            action()
