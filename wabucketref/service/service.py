"""The service of one process: its runs' streams, the shared transfers, and the answer to every envelope.

Transports carry envelopes here and the answers back; what a message means is decided in this one place.
"""

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from wabucketref.contracts.progress import Progress, SilentProgress
from wabucketref.contracts.tracker import Tracker
from wabucketref.errors import IntegrityError, Interrupted, NotFound, Terminated, UsageError, WaBucketError
from wabucketref.model.run import RunKey, RunState
from wabucketref.retry import RetryPolicy
from wabucketref.service import convert
from wabucketref.service.finish import Ending
from wabucketref.service.frames import MAGIC
from wabucketref.service.gate import TrackerGate
from wabucketref.service.journal import SUFFIX, Journal, Sync
from wabucketref.service.recovery import Recovered, recover
from wabucketref.service.stream import Parts, Stream
from wabucketref.service.tickets import TicketTable
from wabucketref.service.trace import Trace, no_trace
from wabucketref.service.transfers import Transfers
from wabucketref.service.wabucket_pb2 import (
    ArtifactAccepted,
    ArtifactPoll,
    ArtifactPolled,
    ArtifactSend,
    Cancel,
    Defer,
    Deferred,
    Done,
    Envelope,
    Record,
    Request,
    Response,
    Result,
    RunStart,
    RunStarted,
    StatusReport,
)
from wabucketref.service.work import Plan

_LONGEST_POLL: Final = 3600.0
_ENDED_KEPT: Final = 64


@dataclass(frozen=True)
class ServiceOptions:
    """Where things lie and how careful to be."""

    journal_directory: Path
    memory_directory: Path
    sync: Sync = "full"
    tracker_policy: RetryPolicy = field(default_factory=RetryPolicy)
    progress: Callable[[Plan], Progress] = lambda plan: SilentProgress()
    trace: Trace = no_trace


class Service:
    """See the module's text. Thread-safe. `tracker` None: offline, everything stays in the journal."""

    def __init__(self, transfers: Transfers, tracker: Tracker | None, options: ServiceOptions) -> None:
        self._transfers = transfers
        self._tracker = tracker
        self._options = options
        self._streams: dict[str, Stream] = {}
        self._ended: OrderedDict[str, TicketTable] = OrderedDict()
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def handle(self, envelope: Envelope) -> Envelope:
        """Answer one envelope; errors travel in the answer."""
        answer = Envelope(uuid=envelope.uuid, stream=envelope.stream)
        if os.getpid() != self._pid:  # before any lock: the parent may have held it when it forked
            return _refuse_forked(envelope, answer)
        self._options.trace("client", "transport", _describe(envelope))
        if envelope.HasField("record"):
            answer.result.CopyFrom(self._record(envelope.stream, envelope.record))
        else:
            answer.response.CopyFrom(self._request(envelope.stream, envelope.request))
        return answer

    def recover(self, path: Path) -> tuple[Stream, Recovered]:
        """Take over the journal of a process that is gone and go on where it stopped.

        Raises:
            JournalInUse: its process lives.
            NotFound: it is not there any more.
            IntegrityError: it held no run, and is removed.
        """
        journal = Journal.open(path, self._options.sync)
        try:
            recovered = recover(journal)
            if self._has_forgotten(recovered.state.key):
                recovered = replace(recovered, position=len(MAGIC))
        except IntegrityError:
            journal.remove()  # while it is ours: nobody can begin to write it
            raise
        except BaseException:
            journal.close()
            raise
        stream = Stream(recovered.state.key, journal, self._parts(), recovered)
        with self._lock:
            self._streams[stream.key.run_id] = stream
        return stream, recovered

    def _has_forgotten(self, key: RunKey) -> bool:
        """Whether the tracker lacks the run: its catalog was lost, or it is another tracker than acknowledged before.

        Then what was acknowledged is told again from the beginning; where it is known, that would change nothing.
        """
        if self._tracker is None or not self._tracker.capabilities.queries:
            return False
        try:
            self._tracker.get_run(key)
        except NotFound:
            return True
        except WaBucketError:
            return False  # out of reach: the gate will find out
        return False

    def stream(self, stream_id: str) -> Stream:
        """Raises NotFound when there is none of this id."""
        with self._lock:
            found = self._streams.get(stream_id)
        if found is None:
            raise NotFound(f"no run {stream_id!r} is open here")
        return found

    def close(self) -> None:
        """Give up what is still open without finishing it (the journals keep it); idempotent.

        In a forked child nothing is done: all of it is the parent's.
        """
        if os.getpid() != self._pid:
            return
        with self._lock:
            streams = list(self._streams.items())
        for stream_id, stream in streams:
            stream.abandon()
            self._retire(stream_id, stream)
        self._transfers.close()

    def _retire(self, stream_id: str, stream: Stream) -> None:
        """A run that ended keeps its results for who still holds tickets; the last few runs' only."""
        with self._lock:
            self._streams.pop(stream_id, None)
            self._ended[stream_id] = stream.tickets
            while len(self._ended) > _ENDED_KEPT:
                self._ended.popitem(last=False)

    def _tickets(self, stream_id: str) -> TicketTable:
        with self._lock:
            if stream_id not in self._streams and stream_id in self._ended:
                return self._ended[stream_id]
        return self.stream(stream_id).tickets

    def _parts(self) -> Parts:
        gate = TrackerGate(self._tracker, self._options.tracker_policy)
        return Parts(gate, self._transfers, self._options.progress, self._options.trace)

    def _record(self, stream_id: str, record: Record) -> Result:
        try:
            if record.HasField("run"):
                self._open_stream(stream_id, record)
            return self.stream(stream_id).handler.record(record)
        except WaBucketError as error:
            return Result(error=convert.error_to_message(error))

    def _open_stream(self, stream_id: str, record: Record) -> None:
        """The first RunRecord of a stream makes it."""
        with self._lock:
            if stream_id in self._streams:
                return
            key = RunKey(record.run.key.entity, record.run.key.project, record.run.key.run_id)
            self._streams[stream_id] = Stream(key, self._new_journal(stream_id), self._parts())

    def _new_journal(self, stream_id: str) -> Journal:
        """On disk, but for runs that nobody keeps: those leave no trace and work with a read-only home."""
        if self._tracker is not None and not self._tracker.capabilities.records:
            return Journal.in_memory(stream_id)
        return Journal.create(self._options.journal_directory / f"{stream_id}{SUFFIX}", self._options.sync)

    def _request(self, stream_id: str, request: Request) -> Response:
        try:
            if request.HasField("artifact_poll"):
                return _artifact_poll(self._tickets(stream_id), request.artifact_poll)
            stream = self.stream(stream_id)
            match request.WhichOneof("kind"):
                case "run_start":
                    return _run_start(stream, request.run_start)
                case "artifact_send":
                    return _artifact_send(stream, request.artifact_send)
                case "defer":
                    return self._finish(stream, stream_id, request.defer)
                case "status":
                    return _status(stream)
                case "cancel":
                    return _cancel(stream, request.cancel)
                case kind:
                    raise UsageError(f"a client does not send {kind}")
        except WaBucketError as error:
            return Response(error=convert.error_to_message(error))

    def _finish(self, stream: Stream, stream_id: str, defer: Defer) -> Response:
        ending = Ending(defer.exit_code, RunState(defer.state), time.monotonic() + defer.timeout)
        try:
            tracking = stream.finish(ending)
        finally:
            self._retire(stream_id, stream)
        return Response(deferred=Deferred(stage=Defer.END, tracking=tracking))


def _run_start(stream: Stream, request: RunStart) -> Response:
    info = stream.wait_started(request.timeout)
    return Response(
        run_started=RunStarted(
            name=info.name if info else "", url=(info.url or "") if info else "", tracking=stream.tracking
        )
    )


def _artifact_send(stream: Stream, request: ArtifactSend) -> Response:
    result = stream.handler.operation(request.xid, request.record)
    return Response(artifact_accepted=ArtifactAccepted(xid=request.xid, position=result.position))


def _artifact_poll(tickets: TicketTable, request: ArtifactPoll) -> Response:
    if request.acknowledge:
        tickets.forget(request.xid)
        return Response(done=Done())
    done = tickets.poll(request.xid, min(request.timeout, _LONGEST_POLL))
    if done is not None:
        return Response(artifact_polled=ArtifactPolled(finished=True, done=done))
    progress = tickets.progress(request.xid)
    if progress is None:
        return Response(artifact_polled=ArtifactPolled())
    return Response(
        artifact_polled=ArtifactPolled(
            files=progress.files, bytes=progress.bytes, total_bytes=progress.total_bytes or 0
        )
    )


def _status(stream: Stream) -> Response:
    cause = stream.gate.cause
    return Response(
        status=StatusReport(
            journaled=stream.journal.end,
            acknowledged=stream.sender.acknowledged,
            transfers=stream.tickets.open_xids(),
            tracking=stream.tracking,
            cause=convert.error_to_message(cause) if cause else None,
        )
    )


def _cancel(stream: Stream, request: Cancel) -> Response:
    kind = Terminated if request.exit_code == Terminated.exit_code else Interrupted
    stream.interrupt(kind(request.reason or "interrupted", hint="run the same command again to go on"))
    return Response(done=Done())


def _refuse_forked(envelope: Envelope, answer: Envelope) -> Envelope:
    error = UsageError(
        f"the run {envelope.stream} belongs to the parent process", hint="open an API of its own in a forked process"
    )
    if envelope.HasField("record"):
        answer.result.error.CopyFrom(convert.error_to_message(error))
    else:
        answer.response.error.CopyFrom(convert.error_to_message(error))
    return answer


def _describe(envelope: Envelope) -> str:
    body = envelope.record if envelope.HasField("record") else envelope.request
    kind = body.WhichOneof("kind") or "empty"
    word = "".join(part.capitalize() for part in kind.split("_"))
    return f"{word}Record" if envelope.HasField("record") and not word.endswith("Record") else word
