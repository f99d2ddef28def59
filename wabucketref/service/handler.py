"""The handler: the one door into a run's stream. It serialises, numbers and refuses; it never waits for storage,
tracker or bucket."""

import logging
import threading
from collections.abc import Callable

from wabucketref.errors import UsageError, WaBucketError
from wabucketref.service.tickets import TicketTable
from wabucketref.service.trace import Trace
from wabucketref.service.wabucket_pb2 import Record, Result
from wabucketref.service.work import RunState, Work, work_of
from wabucketref.service.writer import Writer

log = logging.getLogger(__name__)


class Handler:
    """Accepts records on the caller's thread under one lock: in a process, a lock is the shortest bounded queue."""

    def __init__(self, state: RunState, writer: Writer, tickets: TicketTable, trace: Trace) -> None:
        self._state = state
        self._writer = writer
        self._tickets = tickets
        self._trace = trace
        self._lock = threading.Lock()
        self._refusal: Callable[[], WaBucketError] | None = None

    @property
    def state(self) -> RunState:
        return self._state

    def record(self, record: Record) -> Result:
        """Accept a record from a user: when this returns, it is kept.

        Raises:
            UsageError: refused, or the run is finished.
            ServiceStopped: the service was closed.
            LocalIOError: the journal cannot be written.
        """
        work = work_of(record)
        self._trace("transport", "HandlerT", work)
        with self._lock:
            position = self._admit(work)
            warnings, self._state.warnings = self._state.warnings, []
        for warning in warnings:
            log.warning(warning)
        if work.durable:
            self._writer.sync()
        return Result(position=position)

    def operation(self, xid: str, record: Record) -> Result:
        """Accept an operation once: sending the same xid again changes nothing.

        Raises as :meth:`record`; then the operation is unknown, and may be sent again.
        """
        work = work_of(record)
        self._trace("transport", "HandlerT", work)
        with self._lock:
            if xid in self._state.xids:
                return Result(xid=xid)
            self._tickets.open(xid, str(work).partition(" xid=")[0])  # before the sender can publish its end
            try:
                position = self._admit(work)
            except BaseException:
                self._tickets.withdraw(xid)
                self._state.xids.discard(xid)
                raise
        self._writer.sync()
        return Result(xid=xid, position=position)

    def note(self, record: Record, source: str = "DataPlane") -> None:
        """Accept a record from inside the service (`source`): also after the door is closed to users.

        The sender syncs it before it acts on it. Nobody here waits for that, and of several that end at once it syncs
        all together, so that a user's operation finds the disk less busy.
        """
        work = work_of(record)
        self._trace(source, "HandlerT", work)
        with self._lock:
            self._accept(work)

    def close(self, refusal: Callable[[], WaBucketError] | None = None) -> None:
        """Refuse further records from users: producers stop before consumers. The first `refusal` counts; by default
        it says that the run is finished."""
        with self._lock:
            self._refusal = self._refusal or refusal or self._finished

    def _admit(self, work: Work) -> int:
        if self._refusal is not None:
            raise self._refusal()
        return self._accept(work)

    def _finished(self) -> WaBucketError:
        return UsageError(f"the run {self._state.key.run_id} is finished", hint="start another run")

    def _accept(self, work: Work) -> int:
        before = dict(vars(self._state))
        try:
            work.accept(self._state)
            self._trace("HandlerT", "WriterT", work)
            return self._writer.write(work)
        except BaseException:
            vars(self._state).update(before)  # what was not written was not numbered either
            raise
