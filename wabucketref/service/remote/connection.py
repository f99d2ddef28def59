"""A client's connection to the background service: the transport of its envelopes.

Records go on a line of their own, in order, and are answered in order; requests are calls of gRPC. The line is the
client's lease too: when it breaks and the process is gone, the service ends the client's runs by itself. A line that
breaks while both live is opened again, and what was not answered is sent again; the service knows the uuid of each
message, so nothing is doubled.
"""

import contextlib
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

import grpc

from wabucketref.errors import ServiceStopped, UsageError, WaBucketError
from wabucketref.service.remote.calls import MAX_MESSAGE, OPTIONS, greet, seconds_for, stopped, too_large, translate
from wabucketref.service.remote.line import Line, LineBroken, Sent, framed
from wabucketref.service.remote.place import Place
from wabucketref.service.wabucket_pb2 import Envelope, Greeting, Record, Result
from wabucketref.service.wabucket_pb2_grpc import WabucketStub
from wabucketref.threads import start

log = logging.getLogger(__name__)

T = TypeVar("T")

_SILENCE_SECONDS: Final = 20.0
"""Without an answer to a record until the service is asked whether it lives."""
_TOLD_SECONDS: Final = 1.0
"""Until one who waits looks by itself: a thread that a signal interrupts may tell nobody that it reads no more."""
_ALIVE: Final = (
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
)
"""A service that is frozen is noticed, also by a caller that waits for it."""
_AGAIN_SECONDS: Final = 1.5
"""How long a broken connection is tried again: a service that is restarting is another one anyway."""


class Connection:
    """Implements client.Transport. Thread-safe; of no use in a forked child, which is told so."""

    outlives = True

    def __init__(self, place: Place, greeting: Greeting) -> None:
        """Connects.

        Raises:
            ServiceStopped: nobody answers.
            WaBucketError: the service does not serve this client, and says why.
        """
        self._place = place
        self._greeting = greeting
        self._pid = os.getpid()
        self._closed = threading.Event()
        self._sending = threading.Lock()
        """Taken before `_state`."""
        self._state = threading.Condition()
        self._reading = False
        """Whether a thread reads the line, or opens another."""
        self._gone: WaBucketError | None = None
        """Why the service cannot be reached any more."""
        self._pending: dict[str, Sent] = {}
        """Records without an answer, by uuid, in the order in which they were sent."""
        self._channel = grpc.insecure_channel(f"unix:{place.socket}", options=(*OPTIONS, *_ALIVE))
        self._stub = WabucketStub(self._channel)  # type: ignore[no-untyped-call]
        with contextlib.ExitStack() as undo:
            undo.callback(self._channel.close)
            self.welcome = greet(self._stub, greeting)
            self._line = self._new_line()
            undo.callback(self._line.close)
            start(threading.Thread(target=self._watch_line, name="service-line", daemon=True))
            undo.pop_all()

    def send(self, envelope: Envelope) -> Envelope:
        self._check_usable(envelope)
        if envelope.HasField("record"):
            return self._on_line(envelope)
        answer: Envelope = self._asked(
            lambda: self._stub.Ask(envelope, timeout=seconds_for(envelope), metadata=self._who)
        )
        return answer

    def record(self, stream: str, record: Record) -> Result:
        return self.send(Envelope(uuid=uuid.uuid4().hex, stream=stream, record=record)).result

    def watch(self, envelope: Envelope) -> Iterator[Envelope]:
        self._check_usable(envelope)
        answers = self._stub.Watch(envelope, metadata=self._who)
        try:
            while (answer := self._asked(lambda: next(answers, None), again=False)) is not None:
                yield answer
        finally:
            answers.cancel()

    def close(self) -> None:
        if os.getpid() != self._pid:
            return
        with self._state:
            if self._closed.is_set():
                return
            self._closed.set()
        self._fail(_closed())
        self._line.hang_up()
        self._channel.close()

    @property
    def _who(self) -> tuple[tuple[str, str], ...]:
        return (("client", self._greeting.client), ("instance", self.welcome.instance))

    def _check_usable(self, envelope: Envelope) -> None:
        if os.getpid() != self._pid:
            raise UsageError(
                f"the run {envelope.stream} belongs to the parent process",
                hint="open an API of its own in a forked process",
            )
        if self._closed.is_set():
            raise _closed()

    # ---- the line of records ---------------------------------------------------------------------------------------

    def _new_line(self) -> Line:
        try:
            return Line(self._place.records, self._greeting.client, _SILENCE_SECONDS)
        except LineBroken as error:
            raise stopped() from error

    def _on_line(self, envelope: Envelope) -> Envelope:
        """Records are matched with their answers by uuid: whoever is interrupted while waiting disturbs nobody."""
        message = framed(envelope)
        if len(message) > MAX_MESSAGE:
            raise too_large()
        mine = Sent(envelope)
        try:
            with self._sending:
                with self._state:
                    if self._gone is not None:
                        raise self._gone
                    self._pending[envelope.uuid] = mine
                    line = self._line
                line.send(message)
            while not mine.settled:
                self._receive(mine)
        finally:
            with self._state:
                self._pending.pop(envelope.uuid, None)
        if mine.answer is None:
            raise mine.error or stopped()
        return mine.answer

    def _receive(self, mine: Sent) -> None:
        """Read answers, everybody's, unless another thread does: then wait until it has read some."""
        with self._state:
            if self._reading:
                self._state.wait(_TOLD_SECONDS)
                return
        with self._at_the_line() as line:
            if mine.settled:
                return
            try:
                self._deliver(line.receive())
            except TimeoutError:
                self._make_sure()
            except LineBroken:
                self._open_again(line)

    @contextlib.contextmanager
    def _at_the_line(self) -> Iterator[Line]:
        """Be the one thread that reads the line, or opens another; the line as it is now."""
        reading = False
        try:
            with self._state:
                while self._reading:
                    self._state.wait(_TOLD_SECONDS)
                reading = self._reading = True
            yield self._line
        except BaseException:  # a signal's: what was received, or is to be sent again, may be lost
            self._line.hang_up()
            raise
        finally:
            if reading:
                self._reading = False
            with self._state:
                self._state.notify_all()

    def _deliver(self, answers: list[Envelope]) -> None:
        with self._state:
            for answer in answers:
                sent = self._pending.get(answer.uuid)
                if sent is not None:
                    sent.answer = answer

    def _watch_line(self) -> None:
        """On a thread: also while nobody sends, a line that breaks is opened again at once, before the service takes
        this client for gone. The one who closes lines."""
        while True:
            line = self._line
            line.wait_broken()
            with self._at_the_line():
                self._open_again(line)
            with self._sending:
                line.close()
            if self._line is line:
                return

    def _open_again(self, broken: Line) -> None:
        """Open another line in place of `broken`, unless that is done or the service is gone. By the one who reads."""
        if self._line is not broken or self._gone is not None:
            return
        try:
            self._greet_again(None)
            with self._sending:
                line = self._new_line()
                with self._state:
                    self._line = line
                    again = [sent.envelope for sent in self._pending.values() if not sent.settled]
                for envelope in again:
                    line.send(framed(envelope))
            if self._closed.is_set():  # `close` may have hung up the other one
                line.hang_up()
        except WaBucketError as error:
            self._fail(error)
        except ValueError:  # gRPC's word for a channel that `close` has closed meanwhile
            self._fail(_closed())

    def _make_sure(self) -> None:
        """The service has been silent for long: is it slow, or frozen?"""
        try:
            self._greet_again(None)
        except WaBucketError as error:
            self._fail(error)
            self._line.hang_up()

    def _fail(self, error: WaBucketError) -> None:
        """Nothing more goes through this connection; who waits is told."""
        with self._state:
            self._gone = self._gone or error
            for sent in self._pending.values():
                if sent.answer is None:
                    sent.error = self._gone
            self._state.notify_all()

    def _greet_again(self, cause: grpc.RpcError | None) -> None:
        """Make sure that the same service answers.

        Raises:
            ServiceStopped: it is gone, or another one is in its place.
            TimedOut: it does not answer.
        """
        end = time.monotonic() + _AGAIN_SECONDS
        log.info("the connection to the service broke (%s)", cause.code().name if cause else "it ended")
        while True:
            try:
                welcome = greet(self._stub, self._greeting)
            except ServiceStopped as error:
                if time.monotonic() >= end:
                    raise stopped() from error
                time.sleep(0.1)
                continue
            if welcome.instance != self.welcome.instance:
                raise stopped() from cause
            return

    # ---- requests --------------------------------------------------------------------------------------------------

    def _asked(self, call: Callable[[], T], *, again: bool = True) -> T:
        """Requests may be repeated: operations are known by their xid, and asking twice for an end ends once."""
        while True:
            try:
                return call()
            except ValueError as error:  # gRPC's word for a line that is closed
                raise _closed() from error
            except grpc.RpcError as error:
                if self._closed.is_set() or not again or error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise translate(error) from error
                self._greet_again(error)


def _closed() -> ServiceStopped:
    return ServiceStopped("the connection to the service is closed", hint="open another one")
