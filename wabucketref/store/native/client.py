"""Requests to one server, for stores of which each request stands for itself: sent one by one, or many at a time."""

import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import Final, Generic, NamedTuple, TypeAlias, TypeVar

from wabucketref.contracts.storage import Sink
from wabucketref.errors import NotAuthorised, WaBucketError
from wabucketref.store.disk.intofile import IntoFile
from wabucketref.store.drivers.http_errors import proxy_login
from wabucketref.store.drivers.loop import PerProcess
from wabucketref.store.native.calls import Answer, Call, is_good, read, told
from wabucketref.store.native.failures import ERRORS, Asked, Failures
from wabucketref.store.native.fan import Fan, Message, Refused
from wabucketref.store.native.flight import Flight
from wabucketref.store.native.heads import Head
from wabucketref.store.native.http import Pool, Proxies, SinkRaised, fields, guarded, origin_of, trust_of
from wabucketref.store.native.splicing import can_splice, splice
from wabucketref.store.native.width import Width
from wabucketref.store.native.wire import Connection
from wabucketref.version import __version__

T = TypeVar("T")
_TRUST: Final = "check that the endpoint speaks TLS and its certificate is trusted"
Reader: TypeAlias = Callable[[Connection, Head], Answer]
_HAVE_BODIES: Final = frozenset({"POST", "PUT"})


class _Line:
    """What a process has: connections, and how often it has renewed its credentials."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.lock = threading.Lock()
        self.renewed = 0


class _Sent(NamedTuple, Generic[T]):
    """What a request of many is called while it is under way."""

    one: T
    call: Call | WaBucketError
    renewed: int = 0
    """How often credentials had been renewed when it was signed."""


class Client:
    """Sends requests to the server at `url`, each once. Safe for many threads, and anew in a forked child.

    A store fills in :meth:`signed` and :meth:`refusal`, and :meth:`renew` if its credentials can end. `setting`: the
    variable that may name the server. `stall`: seconds without progress after which a request has failed. Connections
    verify certificates, go by the proxies that the environment names, and follow no redirect.
    """

    def __init__(self, url: str, *, setting: str, stall: float, trust: str = _TRUST) -> None:
        """`trust`: what to look at when the certificate is not trusted."""
        self.url = url
        self._stall = stall
        self._failures = Failures(url, setting, trust)
        self._line = PerProcess(self._open)

    def signed(self, call: Call) -> tuple[str, Mapping[str, str]]:
        """The query and the headers to send: those of `call`, and what says who asks.

        Raises:
            WaBucketError: there are no credentials.
        """
        raise NotImplementedError

    def refusal(self, call: Call, answer: Answer) -> WaBucketError:
        """The error that an answer says. ``NotAuthorised`` with `expired` has the request sent once more."""
        raise NotImplementedError

    def renew(self, answer: Answer) -> None:
        """The server says by `answer` that the credentials are too old: have others for the next request.

        Raises:
            WaBucketError: there are none.
        """

    def look_ahead(self) -> None:
        """Raises Unfit: these connections cannot reach the server."""
        with suppress(ValueError):  # what is wrong with the address the first request will tell
            origin_of(self.url, Proxies())

    def send(self, call: Call) -> Answer:
        """Send and wait.

        Raises:
            WaBucketError: the answer is an error, or none came.
        """
        return self._renewing(call, partial(read, call))

    def pour(self, call: Call, start: int, sink: Sink) -> int:
        """Hand the bytes from `start` on, for which the headers of `call` ask, to `sink` as they come; their number,
        which is 0 for a range behind the end. Raises as :meth:`send`, and what `sink` raises."""
        moved = _Moved(call, start, sink)
        try:
            answer = self._renewing(call, moved.read)
        except SinkRaised as raised:
            raise raised.error from None
        if answer.status != 416 and not moved.began:
            raise moved.other_range()
        return moved.count

    def many(
        self, todo: Iterator[T], call_for: Callable[[T], Call], width: Width, check: Callable[[], None]
    ) -> Generator[tuple[T, Answer | WaBucketError]]:
        """Many requests at a time, each once: those that `call_for` makes, which may raise WaBucketError. As
        ``contracts.many.Many``."""
        calls = _calls(todo, call_for)
        for one, call in calls:
            if isinstance(call, WaBucketError):
                yield one, call
                continue
            try:
                line = self._ready(call.asked)
            except WaBucketError as error:
                yield one, error
                return
            with Fan(line.pool, width, check) as fan:
                for sent, came in fan.carry(self._messages(line, chain(((one, call),), calls))):
                    yield sent.one, self._landed(line, sent, came)
            return

    def close(self) -> None:
        """Give connections back; idempotent."""
        self._line.drop()

    def _messages(
        self, line: _Line, calls: Iterator[tuple[T, Call | WaBucketError]]
    ) -> Iterator[Message[_Sent[T]] | Refused[_Sent[T]]]:
        for one, call in calls:
            if isinstance(call, WaBucketError):
                yield Refused(_Sent(one, call), call)
                continue
            sent = _Sent(one, call, line.renewed)
            try:
                head = self._head(line.pool, call)
            except WaBucketError as error:
                yield Refused(sent, error)
            else:
                yield Message(sent, b"".join((head, call.body)), call.limit)

    def _landed(self, line: _Line, sent: _Sent[T], came: Flight | Exception) -> Answer | WaBucketError:
        """What came, or what comes of asking once more with new credentials."""
        if isinstance(came, WaBucketError):
            return came
        call = sent.call
        assert isinstance(call, Call)
        if isinstance(came, Exception):
            lost = self._failures.of(came, call.asked)
            lost.__cause__ = came
            return lost
        assert came.head is not None
        answer = told(call, came.head, came.body)
        if is_good(call, answer.status):
            return answer
        try:
            self._turn(line, call, answer, sent.renewed)
            return self._last(line, call, partial(read, call))
        except WaBucketError as error:
            return error

    def _renewing(self, call: Call, read: Reader) -> Answer:
        line = self._ready(call.asked)
        renewed = line.renewed
        answer = self._exchange(line, call, read)
        if is_good(call, answer.status):
            return answer
        self._turn(line, call, answer, renewed)
        return self._last(line, call, read)

    def _turn(self, line: _Line, call: Call, answer: Answer, renewed: int) -> None:
        """Be ready to ask once more with new credentials; else raise what `answer` says."""
        refusal = self._refusal(call, answer)
        try:
            if not (isinstance(refusal, NotAuthorised) and refusal.expired):
                raise refusal
        finally:
            del refusal  # it would hold this frame, which holds it, and with both the connections
        with line.lock:
            if line.renewed == renewed:  # nobody else did so meanwhile
                self.renew(answer)
                line.renewed += 1

    def _last(self, line: _Line, call: Call, read: Reader) -> Answer:
        answer = self._exchange(line, call, read)
        if not is_good(call, answer.status):
            raise self._refusal(call, answer)
        return answer

    def _refusal(self, call: Call, answer: Answer) -> WaBucketError:
        if answer.status == 407:
            return proxy_login(call.asked.what, self.url)
        return self.refusal(call, answer)

    def _exchange(self, line: _Line, call: Call, read: Reader) -> Answer:
        head = self._head(line.pool, call)
        try:
            return line.pool.exchange(head, call.body, read, bodiless=call.method == "HEAD")
        except WaBucketError:
            raise
        except ERRORS as error:
            raise self._failures.of(error, call.asked) from error

    def _head(self, pool: Pool, call: Call) -> bytes:
        origin = pool.origin
        query, headers = self.signed(call)
        length = f"content-length: {len(call.body)}\r\n" if call.body or call.method in _HAVE_BODIES else ""
        unpacked = "" if "accept-encoding" in headers else "accept-encoding: identity\r\n"
        return (
            f"{call.method} {origin.in_front}{call.path}{'?' if query else ''}{query} HTTP/1.1\r\n"
            f"host: {origin.netloc}\r\n{fields(headers)}{length}{unpacked}"
            f"{origin.further}user-agent: wabucketref/{__version__}\r\n\r\n"
        ).encode()

    def _ready(self, asked: Asked) -> _Line:
        try:
            return self._line.get()
        except ValueError as error:
            raise self._failures.malformed(error, asked) from error

    def _open(self) -> _Line:
        return _Line(Pool(origin_of(self.url, Proxies()), partial(trust_of, None), self._stall))


class _Moved:
    """A range on its way to a sink."""

    def __init__(self, call: Call, start: int, sink: Sink) -> None:
        self._call = call
        self._start = start
        self._sink = sink
        self.began = False
        self.count = 0

    def read(self, connection: Connection, head: Head) -> Answer:
        self.began = head.status < 300 and self._is_range(head)
        if not self.began:
            return read(self._call, connection, head)
        sink = self._sink
        if isinstance(sink, IntoFile) and can_splice(connection, head):
            begun = sink.at
            try:
                splice(connection, head, sink)
            finally:
                self.count = sink.at - begun
        else:
            connection.pour(head, guarded(self._take))
        return told(self._call, head, b"")

    def _is_range(self, head: Head) -> bool:
        if (head.length or 0) > self._call.limit:
            return False
        if head.status == 206:
            return head.headers.get("content-range", "").startswith(f"bytes {self._start}-")
        return head.status == 200 and self._start == 0

    def _take(self, piece: memoryview) -> None:
        if self.count + len(piece) > self._call.limit:
            raise self.other_range()
        self._sink(piece)
        self.count += len(piece)

    def other_range(self) -> WaBucketError:
        return self._call.asked.failed(f"{self._call.asked.what}: the store did not send the range asked for")


def _calls(todo: Iterator[T], call_for: Callable[[T], Call]) -> Iterator[tuple[T, Call | WaBucketError]]:
    for one in todo:
        try:
            call = call_for(one)
        except WaBucketError as error:
            yield one, error
        else:
            yield one, call
