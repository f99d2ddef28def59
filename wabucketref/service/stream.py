"""One run's stream: its handler, writer, sender and file stream around its journal, and nothing else."""

import contextlib
import logging
import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import (
    Interrupted,
    NotAuthorised,
    ServiceStopped,
    TransientError,
    UploadInProgress,
    WaBucketError,
)
from wabucketref.model.result import Tracking
from wabucketref.model.run import RunInfo, RunKey
from wabucketref.service import failures
from wabucketref.service.finish import Ending, walk
from wabucketref.service.gate import TrackerGate
from wabucketref.service.handler import Handler
from wabucketref.service.journal import Journal
from wabucketref.service.outcomes import Outcomes
from wabucketref.service.recovery import Recovered
from wabucketref.service.sender import Sender
from wabucketref.service.tickets import TicketTable
from wabucketref.service.trace import Trace
from wabucketref.service.transfers import Transfers
from wabucketref.service.wabucket_pb2 import ArtifactDone, Record
from wabucketref.service.work import Plan, RunState
from wabucketref.service.writer import Writer

log = logging.getLogger(__name__)

_STOP_SECONDS: Final = 5.0
_CLOSED: Final = "the service was closed"
_PASSING: Final = (TransientError, NotAuthorised, Interrupted, UploadInProgress)


@dataclass(frozen=True)
class Parts:
    """What streams share: given by the service."""

    gate: TrackerGate
    transfers: Transfers
    trace: Trace


class Stream:
    """See the module's text. Thread-safe."""

    def __init__(self, key: RunKey, journal: Journal, parts: Parts, recovered: Recovered | None = None) -> None:
        self.key = key
        self.journal = journal
        self.trace = parts.trace
        self.gate = parts.gate
        self._outcomes = Outcomes(recovered.settled if recovered else frozenset())
        self.tickets = TicketTable(on_publish=self._outcomes.note)
        self.cancel = Cancel()
        self._parts = parts
        self._recovered = recovered
        self.state: Literal["attached", "background", "ending"] = "background" if recovered else "attached"
        """``attached``: its client lives and will end it; ``background``: it ends by itself."""
        self._under_way = 0
        self._idle = threading.Condition()
        self._ended = False
        self._giving_back = threading.Lock()
        self._given_back = False
        self._release_when_idle = False
        self.left_for_later: set[str] = set()
        """Operations that could not be ended now: the journal keeps them, and with them the run."""
        self._unclear: set[str] = set()
        """Operations of an earlier process of which nobody could tell how they ended."""
        state = recovered.state if recovered else RunState(key)
        self.handler = Handler(state, Writer(journal, parts.trace), self.tickets, parts.trace)
        start = recovered.position if recovered else journal.end
        for xid in self._unsettled():
            self.tickets.open(xid)
        self.sender = Sender(
            key,
            journal,
            start,
            self.gate,
            self.tickets,
            self._start_transfer,
            parts.trace,
            parts.transfers.holds,
            is_late=recovered is not None,
        )
        self.sender.start()

    @property
    def tracking(self) -> Tracking:
        return self.gate.tracking

    def wait_started(self, timeout: float) -> RunInfo | None:
        """What the tracker says of the run; None when it cannot be reached or does not answer in time."""
        self.sender.started.event.wait(timeout)
        return self.sender.started.info

    def interrupt(self, reason: Interrupted) -> None:
        """Stop transfers cleanly; their operations fail with `reason`."""
        log.info("run %s: transfers are stopped: %s", self.key.run_id, reason)
        self.cancel.set(reason)

    def transfers_idle(self, deadline: float) -> bool:
        """Wait until no transfer of this run is under way; whether that was before `deadline` and the stream's end."""
        with self._idle:
            left = max(0.0, deadline - time.monotonic())
            self._idle.wait_for(lambda: self._under_way == 0 or self._ended, left)
            return self._under_way == 0

    def settle_operations(self, deadline: float | None) -> list[tuple[int, str]]:
        """Wait for the operations to end, until `deadline` (``time.monotonic``; None: without end); the exit code and
        reference or message of each that this process ended. What does not end in time is left for later."""
        if not self.tickets.wait_settled(deadline):
            late = self.tickets.open_xids()
            self.interrupt(Interrupted("the time for the operation is over", hint="run `wabucket sync`"))
            self.tickets.wait_settled(time.monotonic() + _STOP_SECONDS)
            self.left_for_later.update(late)
        return self._outcomes.all()

    def _unsettled(self) -> list[str]:
        """Operations of an earlier process whose end its journal does not have."""
        return sorted(self._recovered.state.xids - self._recovered.settled) if self._recovered else []

    def finish(self, ending: Ending) -> Tracking:
        """Walk the stages and give up the journal: deleted when the tracker has everything, else kept for ``sync``.

        Raises:
            TimedOut: not settled by the deadline.
        """
        try:
            walk(self, ending)
        finally:
            self._wind_up("the run could not be finished in time")
        return self.tracking

    def halt(self) -> None:
        """Begin to stop without finishing the run; :meth:`abandon` waits for it."""
        self.handler.close(closed)
        self._begin_end(_CLOSED)

    def abandon(self) -> None:
        """Stop without finishing the run: its journal keeps what is not settled."""
        self.halt()
        self._wind_up(_CLOSED)

    def _wind_up(self, reason: str) -> None:
        """Stop what still runs, then give up the journal; while a transfer lives, its journal stays owned.

        Once, whichever thread comes first; others wait until it is done.
        """
        self._begin_end(reason)
        with self._giving_back:
            if not self._given_back:
                self._given_back = True
                self._give_back()

    def _begin_end(self, reason: str) -> None:
        self._ended = True
        self.cancel.set(Interrupted(reason, hint="run `wabucket sync`"))
        with self._idle:
            self._idle.notify_all()

    def _give_back(self) -> None:
        end = time.monotonic() + _STOP_SECONDS
        with self._idle:
            self._idle.wait_for(lambda: self._under_way == 0, _STOP_SECONDS)
        self.sender.stop(max(0.1, end - time.monotonic()))
        try:
            with self._idle:
                self._release_when_idle = self._under_way > 0
                if not self._release_when_idle:
                    self._release_journal()
        finally:
            self._break_tickets()

    def _break_tickets(self) -> None:
        """Who still waits for an operation that did not end gets an error; results that are there stay."""
        hint = "the journal has the operation; run `wabucket sync`"
        self.tickets.break_all(ServiceStopped(f"the run {self.key.run_id} ended before the operation", hint=hint))

    def _release_journal(self) -> None:
        try:
            rest = self.journal.scan(self.sender.acknowledged)
            done = self.gate.open and all(record.WhichOneof("kind") == "acknowledged" for _, record in rest)
            if done and self.handler.state.exited:
                self.journal.remove()
            else:
                self.sender.note_acknowledged()
        finally:
            self.journal.close()

    def _start_transfer(self, plan: Plan) -> None:
        """On the sender's thread: carry the plan out, unless the journal or the bucket know its end."""
        progress = self.tickets.open(plan.xid)
        if self._recovered is not None and plan.xid in self._recovered.settled:
            return
        with self._idle:
            self._under_way += 1
        self._parts.transfers.submit(
            self.key, plan, progress, self.cancel, self._transfer_ended, partial(self._known_end, plan)
        )

    def _known_end(self, plan: Plan) -> Record | None:
        """What became of an earlier process's operation; on a transfer's thread, when it is its turn."""
        if self._recovered is None:
            return None
        try:
            return self._parts.transfers.recover(plan, partial(self._recovered.is_before, later=plan.xid))
        except WaBucketError:
            self._unclear.add(plan.xid)
            raise

    def _transfer_ended(self, outcome: Record) -> None:
        """On a transfer's thread; must not raise."""
        try:
            error = failures.from_message(outcome.failed.error) if outcome.HasField("failed") else None
            if error is not None and self._may_pass(outcome.failed.xid, error):
                self._leave_for_later(outcome.failed.xid, error)
            else:
                self.handler.note(outcome)
            log.info("run %s: %s", self.key.run_id, _figures(outcome))
        except WaBucketError as error:
            self.tickets.break_all(error)
        finally:
            with self._idle:
                self._under_way -= 1
                self._idle.notify_all()
                if self._release_when_idle and self._under_way == 0:
                    with contextlib.suppress(WaBucketError):  # it is closed all the same, and `sync` will look
                        self._release_journal()

    def _may_pass(self, xid: str, error: WaBucketError) -> bool:
        """Whether an operation that failed so is left to ``sync``: what an earlier process left and may work later, or
        of which the bucket does not say how it ended, and whatever failed while the stream was ending, by what it was
        taken away. A user's interruption ends it."""
        return self._ended or xid in self._unclear or (self._recovered is not None and isinstance(error, _PASSING))

    def _leave_for_later(self, xid: str, error: WaBucketError) -> None:
        """The journal keeps the operation, and with it the run, which has not ended."""
        self.left_for_later.add(xid)
        self.gate.shut(error)
        told = closed() if isinstance(error, Interrupted) and error.message == _CLOSED else error  # by no user
        self.tickets.publish(ArtifactDone(xid=xid, error=failures.to_message(told)))


def closed() -> ServiceStopped:
    """For who still waits for a run of a service that gives up what is open, or has a word for it."""
    return ServiceStopped(_CLOSED, hint="the journal has what was accepted; run `wabucket sync`")


def _figures(outcome: Record) -> str:
    """How a transfer ended, for the log."""
    if outcome.HasField("failed"):
        return f"xid={outcome.failed.xid} failed: {outcome.failed.error.message}"
    ended = outcome.committed if outcome.HasField("committed") else outcome.fetched
    figures = ended.figures
    return (
        f"xid={ended.xid} {outcome.WhichOneof('kind')} {ended.artifact.uri}: {figures.bytes_moved} bytes moved, "
        f"{figures.bytes_reused} reused, {figures.seconds:.2f} s"
    )
