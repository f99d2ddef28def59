"""The clients of the background service: what each may use, which runs are its own, and what becomes of them when it
is gone."""

import logging
import threading
import time
from collections.abc import Callable

from wabucketref.errors import Conflict, NotFound, ServiceStopped, UsageError, WaBucketError
from wabucketref.service import failures
from wabucketref.service.remote.clients import Client, Context, Contexts, OpenContext
from wabucketref.service.remote.contexts import ClientContexts
from wabucketref.service.tickets import TicketTable
from wabucketref.service.wabucket_pb2 import (
    Done,
    Envelope,
    Greeting,
    OverviewReport,
    Response,
)

log = logging.getLogger(__name__)


class Host:
    """See the module's text. Thread-safe."""

    def __init__(self, open_context: OpenContext) -> None:
        self._contexts = ClientContexts(open_context)
        self._lock = threading.RLock()
        self._starting: set[str] = set()
        """Ids of runs that a client is just opening."""
        self._clients: dict[str, Client] = {}
        self._own: Contexts | None = None
        self._draining = False
        self._used = time.monotonic()

    def adopt(self, own: "Contexts") -> None:
        """The service's own contexts, for what processes that are gone have left."""
        self._own = own

    # ---- clients ---------------------------------------------------------------------------------------------------

    def greet(self, greeting: Greeting) -> None:
        """Know a client, or know it again.

        Raises:
            ServiceStopped: the service is ending, and takes nobody new.
            WaBucketError: its settings cannot be used.
        """
        with self._lock:
            self._used = time.monotonic()
            if greeting.client in self._clients:
                return
            if self._draining:
                raise ServiceStopped("the service is stopping and takes nothing new", hint="wait until it has stopped")
        context = self._contexts.take(greeting)
        try:
            client = Client.of(greeting, context)
        except BaseException:
            self._contexts.give_back(context)
            raise
        with self._lock:
            if self._clients.setdefault(client.id, client) is not client:
                self._contexts.give_back(context)
                client.close_trace()
                return
        log.info("process %d is a client now", greeting.pid)

    def client(self, client_id: str) -> Client:
        """Raises NotFound when it did not greet."""
        with self._lock:
            self._used = time.monotonic()
            found = self._clients.get(client_id)
        if found is None:
            raise NotFound("this client is not known to the service", hint="greet it first")
        return found

    def clients(self) -> list[Client]:
        with self._lock:
            return list(self._clients.values())

    def line_opened(self, client: Client) -> None:
        with self._lock:
            client.lines += 1

    def line_closed(self, client: Client) -> None:
        with self._lock:
            client.lines -= 1
            client.greeted = time.monotonic()

    def leave(self, client: Client) -> None:
        """The client is gone: its runs end by themselves."""
        with self._lock:
            if self._clients.pop(client.id, None) is None:
                return
            streams, client.streams = list(client.streams.values()), {}
        try:
            for stream in streams:
                client.context.service.leave(stream, client.context.finish_timeout)
        finally:
            client.close_trace()
            self._contexts.give_back(client.context)
            self.close_idle()

    def close_idle(self) -> None:
        """Close what no client and no run uses any more, but for the last few."""
        self._contexts.close_idle()

    # ---- envelopes -------------------------------------------------------------------------------------------------

    def handle(self, client: Client, envelope: Envelope) -> Envelope:
        """The answer to a client's envelope; to one it sent before, the same answer again."""
        known = client.answers.get(envelope.uuid)
        if known is not None:
            return known
        if not envelope.HasField("record"):
            answer = client.context.service.handle(envelope, client.trace)
            if envelope.request.HasField("defer") and not envelope.request.defer.background:
                client.streams.pop(envelope.stream, None)
            return answer
        try:
            answer = self._take_record(client, envelope)
        except WaBucketError as error:
            answer = Envelope(uuid=envelope.uuid, stream=envelope.stream)
            answer.result.error.CopyFrom(failures.to_message(error))
        client.remember(answer)
        return answer

    def _take_record(self, client: Client, envelope: Envelope) -> Envelope:
        if client.context.service.is_open(client.streams.get(envelope.stream)):
            return client.context.service.handle(envelope, client.trace)
        if envelope.record.HasField("run"):
            return self._open_run(client, envelope)
        raise client.context.service.missing(envelope.stream)

    def _open_run(self, client: Client, envelope: Envelope) -> Envelope:
        """A run belongs to the client that opened it; when that is gone meanwhile, the run ends by itself.

        Raises:
            ServiceStopped: the service is ending.
            Conflict: another client's run of this id has not ended.
        """
        service, run_id = client.context.service, envelope.stream
        with self._lock:
            if self._draining:
                raise ServiceStopped("the service is stopping and takes nothing new", hint="wait until it has stopped")
            if run_id in self._starting or any(one.service.has(run_id) for one in self._all_contexts()):
                raise Conflict(f"the run {run_id!r} is under way", hint="choose another run id, or wait")
            self._starting.add(run_id)
        try:
            answer = service.handle(envelope, client.trace)
            if answer.result.HasField("error"):
                return answer
            stream = service.stream(run_id)
            with self._lock:
                lives = self._clients.get(client.id) is client
                if lives:
                    client.streams[run_id] = stream
        finally:
            with self._lock:
                self._starting.discard(run_id)
        if not lives:
            service.leave(stream, client.context.finish_timeout)
        return answer

    def table(self, client: Client | None, envelope: Envelope) -> TicketTable:
        """The ticket table that a poll is about; without a stream, that of whichever run has the operation.

        Raises:
            NotFound: no such run or operation.
        """
        xid = envelope.request.artifact_poll.xid
        if client is not None and envelope.stream:
            return client.context.service.tickets(envelope.stream)
        for context in self._all_contexts():
            stream_id = context.service.find_operation(xid)
            if stream_id is not None:
                return context.service.tickets(stream_id)
        raise NotFound(f"no operation {xid} is known to the service", hint="its result was delivered or expired")

    def is_attached(self, xid: str) -> bool:
        """Whether the operation belongs to a run whose client lives, and will ask for the result itself."""
        for context in self._all_contexts():
            run_id = context.service.find_operation(xid)
            if run_id is not None and context.service.has(run_id):
                return context.service.stream(run_id).state == "attached"
        return False

    def overview(self) -> OverviewReport:
        """All that is under way, and results that nobody has fetched."""
        runs = [report for context in self._all_contexts() for report in context.service.reports()]
        return OverviewReport(runs=runs, clients=len(self.clients()), draining=self._draining)

    # ---- the end ---------------------------------------------------------------------------------------------------

    def drain(self) -> None:
        """Take nobody new."""
        with self._lock:
            self._draining = True

    @property
    def draining(self) -> bool:
        return self._draining

    @property
    def busy(self) -> bool:
        """Whether a run is open."""
        return any(context.service.busy for context in self._all_contexts())

    @property
    def idle_seconds(self) -> float:
        """Since somebody last greeted or sent, while nothing is under way; 0 otherwise."""
        with self._lock:
            if self._clients or self.busy:
                self._used = time.monotonic()
            return time.monotonic() - self._used

    def close(self) -> None:
        """Give up what is still open: the journals keep it."""
        for context in self._all_contexts():
            context.close()
        for client in self.clients():
            client.close_trace()

    def _all_contexts(self) -> list[Context]:
        return [*self._contexts.all(), *(self._own.all() if self._own else ())]


def answer_for_all(host: Host, envelope: Envelope, stop: Callable[[bool], None]) -> Envelope:
    """Answers what is asked of the service as a whole. `stop(now)` begins its end."""
    answer = Envelope(uuid=envelope.uuid)
    try:
        match envelope.request.WhichOneof("kind"):
            case "overview":
                answer.response.CopyFrom(Response(overview=host.overview()))
            case "shutdown":
                stop(envelope.request.shutdown.now)
                answer.response.CopyFrom(Response(done=Done()))
            case kind:
                raise UsageError(f"{kind} is asked in a run")
    except WaBucketError as error:
        answer.response.error.CopyFrom(failures.to_message(error))
    return answer
