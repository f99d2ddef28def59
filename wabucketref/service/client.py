"""The client's side of the protocol: envelopes out, answers and typed errors back. The same over every transport."""

import itertools
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

from wabucketref.model.plan import AdoptPlan, DownloadPlan, LinkPlan, UploadPlan
from wabucketref.model.result import Tracking
from wabucketref.model.run import RunState
from wabucketref.service import convert, failures
from wabucketref.service.ticket import Explain, Ticket, as_it_is
from wabucketref.service.wabucket_pb2 import (
    ArtifactDone,
    ArtifactPoll,
    ArtifactPolled,
    ArtifactSend,
    Cancel,
    Defer,
    Envelope,
    Record,
    Request,
    Response,
    Result,
    RunRecord,
    RunStart,
    RunStarted,
    Status,
    StatusReport,
)

_POLL: Final = 30.0
_GLANCE: Final = 0.1


class Transport(Protocol):
    """Carries one envelope to the service and its answer back. Thread-safe."""

    @property
    def outlives(self) -> bool:
        """Whether the service goes on when this process ends."""

    def send(self, envelope: Envelope) -> Envelope:
        """Raises ServiceStopped when the service is gone."""

    def record(self, stream: str, record: Record) -> Result:
        """As :meth:`send` of an envelope of these."""

    def watch(self, envelope: Envelope) -> Iterator[Envelope]:
        """An ``ArtifactPoll`` answered each time that something has changed, the last time when it is finished.

        Raises ServiceStopped when the service is gone.
        """

    def close(self) -> None:
        """Give the connection back; idempotent."""


class Answering(Protocol):
    """What is at the other end (``service.Service``)."""

    def handle(self, envelope: Envelope) -> Envelope: ...

    def record(self, stream_id: str, record: Record) -> Result: ...


class InProcess:
    """The default transport: a call."""

    outlives = False

    def __init__(self, service: Answering) -> None:
        self._service = service

    def send(self, envelope: Envelope) -> Envelope:
        return self._service.handle(envelope)

    def record(self, stream: str, record: Record) -> Result:
        return self._service.record(stream, record)

    def watch(self, envelope: Envelope) -> Iterator[Envelope]:
        envelope.request.artifact_poll.timeout = _GLANCE
        before = None
        while True:
            answer = self._service.handle(envelope)
            polled = answer.response.artifact_polled
            if answer != before:
                yield answer
            if polled.finished or answer.response.HasField("error"):
                return
            before = answer

    def close(self) -> None:
        """The service is closed by who made it."""


class RunClient:
    """One run's line to the service. Thread-safe."""

    def __init__(self, transport: Transport, stream: str) -> None:
        """`stream` empty: no run of ours; only for tickets by their xid."""
        self._transport = transport
        self._stream = stream
        self._prefix = uuid.uuid4().hex
        self._count = itertools.count()

    @property
    def outlives(self) -> bool:
        """Whether the service goes on when this process ends."""
        return self._transport.outlives

    def start(self, record: RunRecord, timeout: float) -> RunStarted:
        """Open the run; what the tracker says of it, within `timeout` seconds.

        Raises:
            Conflict: a run of this id has a journal already.
        """
        self.publish(Record(run=record))
        return self._request(Request(run_start=RunStart(timeout=timeout))).run_started

    def publish(self, record: Record) -> Result:
        """Send a record; when this returns, it is kept.

        Raises:
            UsageError: it was refused.
            LocalIOError: it could not be journaled.
        """
        result = self._transport.record(self._stream, record)
        _raise_if(result)
        return result

    def send(
        self,
        plan: UploadPlan | LinkPlan | AdoptPlan | DownloadPlan,
        finish: Callable[[ArtifactDone], Any],
        explain: Explain = as_it_is,
    ) -> Ticket[Any]:
        """Start an operation; `finish` makes the ticket's result of what is published when it is done, `explain` what
        it raises of an error."""
        match plan:
            case UploadPlan():
                record = Record(artifact=convert.upload_to_record(plan))
            case LinkPlan():
                record = Record(link=convert.link_to_record(plan))
            case AdoptPlan():
                record = Record(adopt=convert.adopt_to_record(plan))
            case DownloadPlan():
                record = Record(use_artifact=convert.download_to_record(plan))
        self._request(Request(artifact_send=ArtifactSend(xid=plan.xid, record=record)))
        return Ticket(plan.xid, self, finish, explain)

    def ticket(self, xid: str, finish: Callable[[ArtifactDone], Any]) -> Ticket[Any]:
        """A ticket of an operation that was sent before, perhaps by another process."""
        return Ticket(xid, self, finish)

    def status(self) -> StatusReport:
        """How far the run is recorded."""
        return self._request(Request(status=Status())).status

    def cancel(self, reason: str, exit_code: int) -> None:
        """Stop the run's transfers; their tickets raise ``Interrupted`` or ``Terminated``."""
        self._request(Request(cancel=Cancel(reason=reason, exit_code=exit_code)))

    def finish(self, exit_code: int, state: RunState, timeout: float) -> Tracking:
        """End the run and wait until all is settled.

        Raises:
            TimedOut: not within `timeout` seconds; the journal has everything.
        """
        defer = Defer(stage=Defer.BEGIN, exit_code=exit_code, state=state, timeout=timeout)
        tracking = self._request(Request(defer=defer)).deferred.tracking
        return "recorded" if tracking == "recorded" else "disabled" if tracking == "disabled" else "pending"

    def finish_later(self, exit_code: int, state: RunState | None, timeout: float) -> None:
        """Let the service end the run by itself once its operations have ended. `state` None: as they ended."""
        defer = Defer(stage=Defer.BEGIN, exit_code=exit_code, state=state or "", timeout=timeout, background=True)
        self._request(Request(defer=defer))

    def poll(self, xid: str, timeout: float | None) -> ArtifactPolled:
        """One answer of the ticket table within `timeout` seconds (None: until it is finished), by long polling."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = _POLL if deadline is None else min(_POLL, max(0.0, deadline - time.monotonic()))
            found = self._request(Request(artifact_poll=ArtifactPoll(xid=xid, timeout=left))).artifact_polled
            if found.finished or (deadline is not None and time.monotonic() >= deadline):
                return found

    def watch(self, xid: str) -> Iterator[ArtifactPolled]:
        """Answers of the ticket table whenever something has changed, until the operation is finished."""
        for answer in self._transport.watch(self._envelope(Request(artifact_poll=ArtifactPoll(xid=xid)))):
            _raise_if(answer.response)
            yield answer.response.artifact_polled

    def acknowledge(self, xid: str) -> None:
        """The result has arrived: the service may forget it."""
        self._request(Request(artifact_poll=ArtifactPoll(xid=xid, acknowledge=True)))

    def _new_id(self) -> str:
        """Unique without asking the system for random bytes at each row of history."""
        return f"{self._prefix}-{next(self._count)}"

    def _envelope(self, request: Request) -> Envelope:
        return Envelope(uuid=self._new_id(), stream=self._stream, request=request)

    def _request(self, request: Request) -> Response:
        answer = self._transport.send(self._envelope(request))
        _raise_if(answer.response)
        return answer.response


def _raise_if(answer: Result | Response) -> None:
    if answer.HasField("error"):
        raise failures.from_message(answer.error)
