"""A client's connection to the background service: the transport of its envelopes.

Records go through one channel, in order, and are answered in order; requests are calls of their own. The channel is
the client's lease too: when it breaks and the process is gone, the service ends the client's runs by itself. A channel
that breaks while both live is opened again, and what was not answered is sent again; the service knows the uuid of
each message, so nothing is doubled.
"""

import logging
import os
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

import grpc

from wabucketref.errors import ServiceStopped, UsageError, WaBucketError
from wabucketref.service.remote.calls import BROKEN, OPTIONS, greet, seconds_for, stopped, translate
from wabucketref.service.remote.place import Place
from wabucketref.service.wabucket_pb2 import Envelope, Greeting, Record, Result
from wabucketref.service.wabucket_pb2_grpc import WabucketStub
from wabucketref.threads import start

log = logging.getLogger(__name__)

T = TypeVar("T")

_ALIVE: Final = (
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
)
"""A service that is frozen is noticed, also by a caller that waits for it."""
_AGAIN_SECONDS: Final = 1.5
"""How long a broken connection is tried again: a service that is restarting is another one anyway."""


class _Sent:
    """An envelope in the channel, and its answer or why there will be none."""

    __slots__ = ("answer", "envelope", "error", "settled")

    def __init__(self, envelope: Envelope) -> None:
        self.envelope = envelope
        self.settled = threading.Event()
        self.answer: Envelope | None = None
        self.error: WaBucketError | None = None


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
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._gone: WaBucketError | None = None
        """Why the service cannot be reached any more."""
        self._pending: dict[str, _Sent] = {}
        """Records without an answer, by uuid, in the order in which they were sent."""
        self._channel = grpc.insecure_channel(f"unix:{place.socket}", options=(*OPTIONS, *_ALIVE))
        self._stub = WabucketStub(self._channel)  # type: ignore[no-untyped-call]
        try:
            self.welcome = greet(self._stub, greeting)
        except BaseException:
            self._channel.close()
            raise
        self._open_channel()
        start(threading.Thread(target=self._read, name="service-answers", daemon=True))

    def send(self, envelope: Envelope) -> Envelope:
        self._check_usable(envelope)
        if envelope.HasField("record"):
            return self._through_channel(envelope)
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
        with self._lock:
            if self._closed.is_set():
                return
            self._closed.set()
            self._queue.put(None)
        self._answers.cancel()
        self._channel.close()

    @property
    def _who(self) -> tuple[tuple[str, str], ...]:
        return (("client", self._greeting.client),)

    def _check_usable(self, envelope: Envelope) -> None:
        if os.getpid() != self._pid:
            raise UsageError(
                f"the run {envelope.stream} belongs to the parent process",
                hint="open an API of its own in a forked process",
            )
        if self._closed.is_set():
            raise _closed()

    # ---- the channel -----------------------------------------------------------------------------------------------

    def _through_channel(self, envelope: Envelope) -> Envelope:
        """Records are matched with their answers by uuid: whoever is interrupted while waiting disturbs nobody."""
        mine = _Sent(envelope)
        with self._lock:
            if self._closed.is_set():
                raise _closed()
            if self._gone is not None:
                raise self._gone
            self._pending[envelope.uuid] = mine
            self._queue.put(envelope)
        try:
            mine.settled.wait()
        finally:
            with self._lock:
                self._pending.pop(envelope.uuid, None)
        if mine.answer is None:
            raise mine.error or stopped()
        return mine.answer

    def _open_channel(self) -> None:
        """Under the lock, or before anybody else has the object."""
        self._queue: queue.SimpleQueue[Envelope | None] = queue.SimpleQueue()
        for sent in self._pending.values():
            self._queue.put(sent.envelope)
        self._answers = self._stub.Channel(iter(self._queue.get, None), metadata=self._who)

    def _read(self) -> None:
        """The reading thread: also while nobody waits, so that a line that breaks is opened again at once, before
        the service takes this client for gone."""
        while not self._closed.is_set():
            try:
                for answer in self._answers:
                    self._deliver(answer)
                broken: grpc.RpcError | None = None
            except grpc.RpcError as error:
                broken = error
            if self._closed.is_set():
                break
            if broken is not None and broken.code() not in BROKEN:
                self._fail_pending(translate(broken))  # refused by the line itself: not to be sent again
            try:
                self._greet_again(broken)
                with self._lock:
                    self._queue.put(None)  # ends the sending thread of the channel that broke
                    self._open_channel()
            except WaBucketError as error:
                self._gone = error
                break
            except ValueError:  # gRPC's word for a line that `close` has closed meanwhile
                break
        self._fail_pending(self._gone or _closed())

    def _deliver(self, answer: Envelope) -> None:
        with self._lock:
            sent = self._pending.pop(answer.uuid, None)
        if sent is not None:
            sent.answer = answer
            sent.settled.set()

    def _fail_pending(self, error: WaBucketError) -> None:
        with self._lock:
            pending, self._pending = list(self._pending.values()), {}
        for sent in pending:
            sent.error = error
            sent.settled.set()

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
