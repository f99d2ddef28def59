"""The service of one process: its runs' streams, the shared transfers, and the answer to every envelope.

Transports carry envelopes here and the answers back; what a message means is decided in this one place.
"""

import logging
import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from wabucketref.contracts.tracker import Tracker
from wabucketref.errors import Conflict, NotFound, UsageError, WaBucketError
from wabucketref.failpoints import hit
from wabucketref.model.run import RunKey, RunState
from wabucketref.retry import RetryPolicy
from wabucketref.service import answers, failures
from wabucketref.service.ended import Ended, EndedRuns
from wabucketref.service.finish import Ending
from wabucketref.service.gate import TrackerGate
from wabucketref.service.journal import SUFFIX, Journal, Sync
from wabucketref.service.recovery import Recovered
from wabucketref.service.settle import settle
from wabucketref.service.stream import Parts, Stream, closed
from wabucketref.service.takeover import take_over
from wabucketref.service.tickets import TicketTable
from wabucketref.service.trace import Trace, no_trace
from wabucketref.service.transfers import Transfers
from wabucketref.service.wabucket_pb2 import (
    Defer,
    Deferred,
    Envelope,
    Record,
    Request,
    Response,
    Result,
    StatusReport,
)
from wabucketref.threads import start

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServiceOptions:
    """Where things lie and how careful to be."""

    journal_directory: Path
    memory_directory: Path
    sync: Sync = "full"
    tracker_policy: RetryPolicy = field(default_factory=RetryPolicy)
    trace: Trace = no_trace


class Service:
    """See the module's text. Thread-safe. `tracker` None: offline, everything stays in the journal."""

    def __init__(self, transfers: Transfers, tracker: Tracker | None, options: ServiceOptions) -> None:
        self._transfers = transfers
        self._tracker = tracker
        self._options = options
        self._streams: dict[str, Stream] = {}
        self._ended = EndedRuns()
        self._closed = False
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def handle(self, envelope: Envelope, trace: Trace | None = None) -> Envelope:
        """Answer one envelope; errors travel in the answer. `trace`: of this client, instead of the options'."""
        answer = Envelope(uuid=envelope.uuid, stream=envelope.stream)
        if envelope.HasField("record"):
            answer.result.CopyFrom(self.record(envelope.stream, envelope.record, trace))
        else:
            answer.response.CopyFrom(self._request(envelope.stream, envelope.request, trace or self._options.trace))
        return answer

    def record(self, stream_id: str, record: Record, trace: Trace | None = None) -> Result:
        """Take one record of a stream; numbers are filled in. As :meth:`handle`, without the envelope."""
        trace = trace or self._options.trace
        try:
            self._check_process(stream_id)
            if trace is not no_trace:
                trace("client", "transport", answers.Kind(record))
            if record.HasField("run"):
                self._open_stream(stream_id, record, trace)
            return self.stream(stream_id).handler.record(record)
        except WaBucketError as error:
            return Result(error=failures.to_message(error))

    def recover(self, path: Path) -> tuple[Stream, Recovered]:
        """Take over the journal of a process that is gone and go on where it stopped.

        Raises:
            JournalInUse: its process lives.
            NotFound: it is not there any more.
            IntegrityError: it held no run, and is removed.
        """
        journal, recovered = take_over(path, self._options.sync, self._tracker)
        hit("journal.recovered")
        stream = Stream(recovered.state.key, journal, self._parts(self._options.trace), recovered)
        with self._lock:
            self._streams[stream.key.run_id] = stream
        return stream, recovered

    def stream(self, stream_id: str) -> Stream:
        """Raises as :meth:`missing` when there is none of this id."""
        with self._lock:
            found = self._streams.get(stream_id)
        if found is None:
            raise self.missing(stream_id)
        return found

    def missing(self, stream_id: str) -> WaBucketError:
        """Why there is no such run: NotFound, or ServiceStopped when this service has given up what was open."""
        return closed() if self._closed else NotFound(f"no run {stream_id!r} is open here")

    @property
    def busy(self) -> bool:
        """Whether a run has not ended."""
        with self._lock:
            return bool(self._streams)

    def is_open(self, stream: Stream | None) -> bool:
        """Whether it is the stream of its run id, which has not ended."""
        with self._lock:
            return stream is not None and self._streams.get(stream.key.run_id) is stream

    def has(self, stream_id: str) -> bool:
        """Whether a run of this id has not ended."""
        with self._lock:
            return stream_id in self._streams

    def streams(self) -> list[Stream]:
        """Runs that have not ended."""
        with self._lock:
            return list(self._streams.values())

    def tickets(self, stream_id: str) -> TicketTable:
        """The ticket table of a run, also of one that ended not long ago.

        Raises:
            NotFound, ServiceStopped: as :meth:`missing`.
        """
        with self._lock:
            ended = self._ended.get(stream_id)
            if ended is not None and stream_id not in self._streams:
                return ended.tickets
        return self.stream(stream_id).tickets

    def find_operation(self, xid: str) -> str | None:
        """The run that has or had the operation, as far as its result is still kept; None: unknown here."""
        with self._lock:
            tables = {name: stream.tickets for name, stream in self._streams.items()}
            tables |= {ended.key.run_id: ended.tickets for ended in self._ended.all()}
        return next((name for name, table in tables.items() if table.knows(xid)), None)

    def reports(self) -> list[StatusReport]:
        """Runs that have not ended, and of those that have ended the results that nobody has fetched."""
        with self._lock:
            ended = [one for one in self._ended.all() if one.key.run_id not in self._streams]
        found = [answers.status(stream) for stream in self.streams()]
        return found + [answers.ended(one.key, one.tracking, kept) for one in ended if (kept := one.tickets.kept())]

    def leave(self, stream: Stream, finish_timeout: float, said: tuple[int, RunState] | None = None) -> None:
        """The run's client will not end it: it ends by itself once its operations have. Harmless when it has ended.

        `said`: exit code and state, when the client gave them; `finish_timeout`: seconds, after the operations.
        """
        with self._lock:
            if self._streams.get(stream.key.run_id) is not stream or stream.state != "attached":
                return
            stream.state = "background"
        stream.handler.close()
        arguments = (stream, finish_timeout, said)
        name = f"ending-{stream.key.run_id}"
        start(threading.Thread(target=self._end_by_itself, args=arguments, name=name, daemon=True))

    def _end_by_itself(self, stream: Stream, finish_timeout: float, said: tuple[int, RunState] | None) -> None:
        run_id = stream.key.run_id
        try:
            settled = settle(stream, deadline=None, finish_timeout=finish_timeout, said=said)
            log.info("run %s ended by itself: %s, %s", run_id, settled.state or "left for later", settled.tracking)
        except Exception:
            log.exception("run %s could not end; its journal is kept", run_id)
        finally:
            self.retire(stream)

    def close(self) -> None:
        """Give up what is still open without finishing it (the journals keep it); idempotent.

        In a forked child nothing is done: all of it is the parent's.
        """
        if os.getpid() != self._pid:
            return
        with self._lock:
            self._closed = True
            streams = list(self._streams.values())
        for stream in streams:
            stream.halt()  # all together, before the first is waited for
        for stream in streams:
            stream.abandon()
            self.retire(stream)
        self._transfers.close()

    def retire(self, stream: Stream) -> None:
        """A run that ended keeps its results for who still holds tickets; the last few runs' only."""
        run_id = stream.key.run_id
        with self._lock:
            if self._streams.get(run_id) is stream:
                del self._streams[run_id]
            self._ended.keep(Ended(stream.key, stream.tickets, stream.tracking, stream.state))

    def _parts(self, trace: Trace) -> Parts:
        return Parts(TrackerGate(self._tracker, self._options.tracker_policy), self._transfers, trace)

    def _check_process(self, stream_id: str) -> None:
        """Before any lock is taken: the parent may have held it when it forked."""
        if os.getpid() != self._pid:
            raise UsageError(
                f"the run {stream_id} belongs to the parent process", hint="open an API of its own in a forked process"
            )

    def _open_stream(self, stream_id: str, record: Record, trace: Trace) -> None:
        """The first RunRecord of a stream makes it."""
        if self.has(stream_id):
            return
        key = RunKey(record.run.key.entity, record.run.key.project, record.run.key.run_id)
        journal = self._new_journal(stream_id)  # not under the lock, which every row takes: it waits for the disk
        try:
            stream = Stream(key, journal, self._parts(trace))
        except BaseException:
            journal.remove()
            raise
        with self._lock:
            self._streams[stream_id] = stream

    def _new_journal(self, stream_id: str) -> Journal:
        """On disk, but for runs that nobody keeps: those leave no trace and work with a read-only home."""
        if self._tracker is not None and not self._tracker.capabilities.records:
            return Journal.in_memory(stream_id)
        return Journal.create(self._options.journal_directory / f"{stream_id}{SUFFIX}", self._options.sync)

    def _request(self, stream_id: str, request: Request, trace: Trace) -> Response:
        try:
            self._check_process(stream_id)
            trace("client", "transport", answers.Kind(request))
            if request.HasField("artifact_poll"):
                stream_id = stream_id or self.find_operation(request.artifact_poll.xid) or ""
                return answers.artifact_poll(self.tickets(stream_id), request.artifact_poll)
            if request.HasField("defer"):
                return self._finish(stream_id, request.defer)
            stream = self.stream(stream_id)
            match request.WhichOneof("kind"):
                case "run_start":
                    return answers.run_start(stream, request.run_start)
                case "artifact_send":
                    return answers.artifact_send(stream, request.artifact_send)
                case "status":
                    return Response(status=answers.status(stream))
                case "cancel":
                    return answers.cancel(stream, request.cancel)
                case kind:
                    raise UsageError(f"a client does not send {kind}")
        except WaBucketError as error:
            return Response(error=failures.to_message(error))

    def _finish(self, stream_id: str, defer: Defer) -> Response:
        """End the run; asked again, as after a lost answer, it says how that went."""
        with self._lock:
            ended = self._ended.get(stream_id) if stream_id not in self._streams else None
        if ended is not None and ended.state != ("background" if defer.background else "ending"):
            if self._closed:
                raise closed()
            raise Conflict(
                f"the run {stream_id!r} was ended without its process", hint="`wabucket runs` shows how; start another"
            )
        if ended is not None:
            return Response(deferred=Deferred(stage=Defer.END, tracking=ended.tracking))
        stream = self.stream(stream_id)
        if defer.background:
            said = (defer.exit_code, RunState(defer.state)) if defer.state else None
            self.leave(stream, defer.timeout, said)
            return Response(deferred=Deferred(stage=Defer.BEGIN, tracking="pending"))
        stream.state = "ending"
        ending = Ending(defer.exit_code, RunState(defer.state), time.monotonic() + defer.timeout)
        try:
            tracking = stream.finish(ending)
        finally:
            self.retire(stream)
        return Response(deferred=Deferred(stage=Defer.END, tracking=tracking))
