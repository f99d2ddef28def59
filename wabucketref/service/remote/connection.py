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
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

import grpc

from wabucketref.errors import ServiceStopped, UsageError, WaBucketError
from wabucketref.service.remote.calls import BROKEN, OPTIONS, greet, seconds_for, stopped, translate
from wabucketref.service.remote.place import Place
from wabucketref.service.wabucket_pb2 import Envelope, Greeting, Record, Result
from wabucketref.service.wabucket_pb2_grpc import WabucketStub

log = logging.getLogger(__name__)

T = TypeVar("T")

_ALIVE: Final = (
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
)
"""A service that is frozen is noticed, also by a caller that waits for it."""
_AGAIN_SECONDS: Final = 3.0
"""How long a broken connection is tried again: a service that is restarting is another one anyway."""


class _Sent:
    """An envelope in the channel, and its answer or why there will be none."""

    __slots__ = ("answer", "envelope", "error")

    def __init__(self, envelope: Envelope) -> None:
        self.envelope = envelope
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
        self._reading = threading.Lock()
        self._closed = False
        self._waiting: deque[_Sent] = deque()
        self._queue: queue.SimpleQueue[Envelope | None] = queue.SimpleQueue()
        self._channel = grpc.insecure_channel(f"unix:{place.socket}", options=(*OPTIONS, *_ALIVE))
        self._stub = WabucketStub(self._channel)  # type: ignore[no-untyped-call]
        try:
            self.welcome = greet(self._stub, greeting)
        except BaseException:
            self._channel.close()
            raise
        self._answers = self._open_channel()

    def send(self, envelope: Envelope) -> Envelope:
        self._check_usable(envelope)
        if envelope.HasField("record"):
            return self._through_channel(envelope)
        answer: Envelope = self._asked(
            lambda: self._stub.Ask(envelope, timeout=seconds_for(envelope), metadata=self._who)
        )
        return answer

    def record(self, uuid: str, stream: str, record: Record) -> Result:
        return self.send(Envelope(uuid=uuid, stream=stream, record=record)).result

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
            if self._closed:
                return
            self._closed = True
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
        if self._closed:
            raise _closed()

    # ---- the channel -----------------------------------------------------------------------------------------------

    def _open_channel(self) -> Any:
        return self._stub.Channel(iter(self._queue.get, None), metadata=self._who)

    def _through_channel(self, envelope: Envelope) -> Envelope:
        mine = _Sent(envelope)
        with self._lock:
            if self._closed:
                raise _closed()
            self._waiting.append(mine)
            self._queue.put(envelope)
        while mine.answer is None and mine.error is None:
            with self._reading:  # whoever reads, reads for those before it too
                if mine.answer is None and mine.error is None:
                    self._read_one()
        if mine.answer is None:
            raise mine.error or stopped()
        return mine.answer

    def _read_one(self) -> None:
        try:
            answer = next(self._answers)
        except StopIteration as error:
            self._reopen(error)
            return
        except grpc.RpcError as error:
            if error.code() in BROKEN:
                self._reopen(error)
            else:
                self._give_up(translate(error))
            return
        with self._lock:
            self._waiting.popleft().answer = answer

    def _reopen(self, cause: Exception) -> None:
        """The channel broke: another one to the same service, and what has no answer is sent again in its order.

        Raises:
            ServiceStopped: the service is gone, or another one is in its place.
        """
        if self._closed:
            raise _closed() from cause
        self._greet_again(cause)
        with self._lock:
            self._start_over()

    def _give_up(self, error: WaBucketError) -> None:
        """What is under way is refused by the line itself (too large, …): sending it again would not help."""
        with self._lock:
            for sent in self._waiting:
                sent.error = error
            self._waiting.clear()
            self._start_over()

    def _start_over(self) -> None:
        self._queue.put(None)  # ends the sending thread of the channel that broke
        self._queue = queue.SimpleQueue()
        for sent in self._waiting:
            self._queue.put(sent.envelope)
        self._answers = self._open_channel()

    def _greet_again(self, cause: Exception) -> None:
        end = time.monotonic() + _AGAIN_SECONDS
        log.info("the connection to the service broke (%s), opening it again", _code(cause))
        while True:
            try:
                welcome = greet(self._stub, self._greeting)
            except ServiceStopped as error:
                if time.monotonic() >= end or not self._place.is_listening():
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
            except grpc.RpcError as error:
                if self._closed or not again or error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise translate(error) from error
                self._greet_again(error)


def _closed() -> ServiceStopped:
    return ServiceStopped("the connection to the service is closed", hint="open another one")


def _code(error: Exception) -> str:
    return str(error.code().name) if isinstance(error, grpc.RpcError) else "it ended"
