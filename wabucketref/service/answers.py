"""What each request of a client means to one run's stream, and the words of an answer."""

from typing import Final

from wabucketref.errors import Interrupted, Terminated
from wabucketref.model.result import Tracking
from wabucketref.model.run import RunKey
from wabucketref.service import convert, failures
from wabucketref.service.stream import Stream
from wabucketref.service.tickets import TicketTable, TransferProgress
from wabucketref.service.wabucket_pb2 import (
    ArtifactAccepted,
    ArtifactDone,
    ArtifactPoll,
    ArtifactPolled,
    ArtifactSend,
    Cancel,
    Done,
    Record,
    Request,
    Response,
    RunStart,
    RunStarted,
    StatusReport,
    TransferReport,
)

LONGEST_POLL: Final = 3600.0
_UNKNOWN: Final = -1


def run_start(stream: Stream, request: RunStart) -> Response:
    """Waits until the tracker knows the run, up to the request's timeout."""
    info = stream.wait_started(request.timeout)
    started = RunStarted(name=info.name if info else "", url=(info.url or "") if info else "", tracking=stream.tracking)
    return Response(run_started=started)


def artifact_send(stream: Stream, request: ArtifactSend) -> Response:
    """Accepts an operation; the same xid again changes nothing."""
    result = stream.handler.operation(request.xid, request.record)
    return Response(artifact_accepted=ArtifactAccepted(xid=request.xid, position=result.position))


def artifact_poll(tickets: TicketTable, request: ArtifactPoll) -> Response:
    """The result or how far it is, within the request's timeout.

    Raises:
        NotFound: no such operation.
    """
    if request.acknowledge:
        tickets.forget(request.xid)
        return Response(done=Done())
    done = tickets.poll(request.xid, min(request.timeout, LONGEST_POLL))
    if done is not None:
        return Response(artifact_polled=ArtifactPolled(finished=True, done=done))
    progress = tickets.progress(request.xid) or TransferProgress()
    polled = ArtifactPolled(
        files=progress.files,
        bytes=progress.bytes,
        total_files=_or_unknown(progress.total_files),
        total_bytes=_or_unknown(progress.total_bytes),
        label=progress.label,
    )
    return Response(artifact_polled=polled)


def status(stream: Stream) -> StatusReport:
    """How far a run is recorded, and what it moves."""
    cause = stream.gate.cause
    return StatusReport(
        key=convert.key_to_message(stream.key),
        state=stream.state,
        journaled=stream.journal.end,
        acknowledged=stream.sender.acknowledged,
        transfers=[_transfer(xid, progress) for xid, progress in stream.tickets.under_way().items()],
        done=stream.tickets.kept(),
        tracking=stream.tracking,
        cause=failures.to_message(cause) if cause else None,
    )


def ended(key: RunKey, tracking: Tracking, done: list[ArtifactDone]) -> StatusReport:
    """A run that has ended, with results that nobody has fetched."""
    return StatusReport(key=convert.key_to_message(key), state="ended", tracking=tracking, done=done)


def cancel(stream: Stream, request: Cancel) -> Response:
    """Stops the run's transfers."""
    kind = Terminated if request.exit_code == Terminated.exit_code else Interrupted
    stream.interrupt(kind(request.reason or "interrupted", hint="run the same command again to go on"))
    return Response(done=Done())


class Kind:
    """The kind of a message, for the trace."""

    def __init__(self, message: Record | Request) -> None:
        self._message = message

    def __str__(self) -> str:
        kind = self._message.WhichOneof("kind") or "empty"
        word = "".join(part.capitalize() for part in kind.split("_"))
        return f"{word}Record" if isinstance(self._message, Record) and not word.endswith("Record") else word


def _transfer(xid: str, progress: TransferProgress) -> TransferReport:
    return TransferReport(
        xid=xid,
        what=progress.what,
        label=progress.label,
        files=progress.files,
        bytes=progress.bytes,
        total_files=_or_unknown(progress.total_files),
        total_bytes=_or_unknown(progress.total_bytes),
    )


def _or_unknown(total: int | None) -> int:
    return _UNKNOWN if total is None else total
