"""The handler: the one door into a run's stream. It serialises, numbers and refuses; it never waits for storage,
tracker or bucket."""

import os
import threading

from wabucketref.errors import UsageError
from wabucketref.service.tickets import TicketTable
from wabucketref.service.trace import Trace
from wabucketref.service.wabucket_pb2 import Record, Result
from wabucketref.service.work import RunState, Work, work_of
from wabucketref.service.writer import Writer


class Handler:
    """Accepts records on the caller's thread under one lock: in a process, a lock is the shortest bounded queue."""

    def __init__(self, state: RunState, writer: Writer, tickets: TicketTable, trace: Trace) -> None:
        self._state = state
        self._writer = writer
        self._tickets = tickets
        self._trace = trace
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._closed = False

    @property
    def state(self) -> RunState:
        return self._state

    def record(self, record: Record) -> Result:
        """Accept a record from a user: when this returns, it is kept.

        Raises:
            UsageError: refused, or the run is finished.
            LocalIOError: the journal cannot be written.
        """
        self._check_process()
        work = work_of(record)
        self._trace("transport", "HandlerT", str(work))
        with self._lock:
            if self._closed:
                raise UsageError(f"the run {self._state.key.run_id} is finished", hint="start another run")
            position = self._accept(work)
        if work.durable:
            self._writer.sync()
        return Result(position=position)

    def operation(self, xid: str, record: Record) -> Result:
        """Accept an operation once: sending the same xid again changes nothing."""
        self._check_process()
        with self._lock:
            known = xid in self._state.xids
        if known:
            return Result(xid=xid)
        self._tickets.open(xid)
        result = self.record(record)
        return Result(xid=xid, position=result.position)

    def note(self, record: Record) -> None:
        """Accept a record from the data plane or from finish: also after the door is closed to users."""
        work = work_of(record)
        self._trace("DataPlane", "HandlerT", str(work))
        with self._lock:
            self._accept(work)
        self._writer.sync()

    def close(self) -> None:
        """Refuse further records from users: producers stop before consumers."""
        with self._lock:
            self._closed = True

    def _accept(self, work: Work) -> int:
        work.accept(self._state)
        self._trace("HandlerT", "WriterT", str(work))
        return self._writer.write(work)

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise UsageError(
                f"the run {self._state.key.run_id} belongs to the parent process",
                hint="open an API of its own in a forked process",
            )
