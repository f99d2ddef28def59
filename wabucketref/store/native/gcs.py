"""``gs://`` on the native plane: the same requests as the other driver's, over connections of our own."""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import Any, Final, TypeVar
from urllib.parse import urlencode, urlsplit

from wabucketref.contracts.storage import Sink
from wabucketref.errors import NotAuthorised, WaBucketError
from wabucketref.store.drivers.gcs_client import MOST, Answer, Call, GcsClient
from wabucketref.store.drivers.gcs_errors import GcsRequest, answered, no_credentials
from wabucketref.store.native.failures import ERRORS, Failures
from wabucketref.store.native.fan import Fan, Message, Refused
from wabucketref.store.native.flight import Flight
from wabucketref.store.native.google_keys import GoogleKeys
from wabucketref.store.native.heads import Head
from wabucketref.store.native.http import Pool, Proxies, SinkRaised, fields, guarded, origin_of, trust_of
from wabucketref.store.native.width import Width
from wabucketref.store.native.wire import Connection
from wabucketref.version import __version__

T = TypeVar("T")
GOOGLE: Final = "https://storage.googleapis.com"
_TRUST: Final = "check that the endpoint speaks TLS and its certificate is trusted"


class _Line:
    """Where requests go, and with what."""

    def __init__(self, url: str, keys: GoogleKeys | None, stall: float) -> None:
        self.pool = Pool(origin_of(url, Proxies()), partial(trust_of, None), stall)
        self.keys = keys
        self.failures = Failures(url, "STORAGE_EMULATOR_HOST", _TRUST)

    def head(self, call: Call) -> bytes:
        """The head of a request. Whatever host a session's URL names, it is this one that is asked."""
        origin, parts = self.pool.origin, urlsplit(call.path)
        query = "&".join(part for part in (parts.query, urlencode(call.params)) if part)
        # Bytes come as they are stored, also those of objects that were stored packed.
        packed = "gzip" if "alt" in call.params else "identity"
        headers = {"host": origin.netloc, **call.headers, "accept-encoding": packed}
        if call.body or call.method in ("POST", "PUT"):
            headers["content-length"] = str(len(call.body or b""))
        if self.keys is not None:
            self.keys.apply(headers)
        return (
            f"{call.method} {origin.in_front}{parts.path}{'?' if query else ''}{query} HTTP/1.1\r\n"
            f"{fields(headers)}{origin.further}user-agent: wabucketref/{__version__}\r\n\r\n"
        ).encode()


class NativeGcs(GcsClient):
    """As the other plane's client, with connections of our own and credentials by google-auth alone."""

    def look_ahead(self) -> None:
        """Raises Unfit: the other plane is needed."""
        with suppress(ValueError):  # what is wrong with the address the first request will tell
            origin_of(self.emulator or GOOGLE, Proxies())

    def pour(self, call: Call, starts: Callable[[int, Mapping[str, str]], bool], sink: Sink) -> Answer:
        """Send a request and hand the body to `sink` when `starts` says so by status and headers. Raises as `send`,
        and what `sink` raises."""

        def read(connection: Connection, head: Head) -> Answer:
            headers = Headers(head.headers)
            if head.status >= 300 or not starts(head.status, headers) or (head.length or 0) > call.limit:
                return _answer(call, connection, head, 0)
            connection.pour(head, guarded(sink))
            return Answer(call.request, head.status, headers, b"")

        try:
            return self._renewing(call, partial(self._exchanged, read=read))
        except SinkRaised as raised:
            raise raised.error from None

    def many(
        self, todo: Iterator[T], call_for: Callable[[T], Call], width: Width, check: Callable[[], None]
    ) -> Generator[tuple[T, Answer | WaBucketError]]:
        """Many requests at a time, each once: those that `call_for` makes, which may raise WaBucketError. As
        ``contracts.many.Many``."""
        for first in todo:
            try:
                line = self._ready(call_for(first).request)
            except WaBucketError as error:
                yield first, error
                return
            with Fan(line.pool, width, check) as fan:
                for (one, call), came in fan.carry(self._messages(line, chain((first,), todo), call_for)):
                    try:
                        answer = self._landed(line, call, came)
                    except WaBucketError as error:
                        yield one, error
                    else:
                        yield one, answer
            return

    def _messages(
        self, line: _Line, todo: Iterator[T], call_for: Callable[[T], Call]
    ) -> Iterator[Message[tuple[T, Call | None]] | Refused[tuple[T, Call | None]]]:
        for one in todo:
            try:
                call = call_for(one)
                message = self._signed(line, call) + (call.body or b"")
            except WaBucketError as error:
                yield Refused((one, None), error)
            else:
                yield Message((one, call), message, call.limit)

    def _landed(self, line: _Line, call: Call | None, came: Flight | Exception) -> Answer:
        """What came, or what comes of asking once more with new credentials."""
        if isinstance(came, WaBucketError):
            raise came
        assert call is not None
        if isinstance(came, Exception):
            raise line.failures.of(came, call.request) from came
        assert came.head is not None
        answer = Answer(call.request, came.head.status, Headers(came.head.headers), came.body or b"")
        try:
            return self._judged(line, call, answer)
        except NotAuthorised as error:
            if not error.expired or line.keys is None:
                raise
        self._fs.renew(line)
        return self.send_call(call)

    def _send(self, line: Any, call: Call) -> Answer:
        return self._exchanged(line, call, read=partial(_answer, call))

    def _exchanged(self, line: _Line, call: Call, read: Callable[[Connection, Head], Answer]) -> Answer:
        head = self._signed(line, call)
        try:
            answer = line.pool.exchange(head, call.body or b"", read)
        except WaBucketError:
            raise
        except ERRORS as error:
            raise line.failures.of(error, call.request) from error
        return self._judged(line, call, answer)

    def _judged(self, line: _Line, call: Call, answer: Answer) -> Answer:
        if 200 <= answer.status < 300 or answer.status in call.also:
            return answer
        raise answered(answer.status, answer.headers, answer.body, call.request, line.failures.url)

    def _signed(self, line: _Line, call: Call) -> bytes:
        if line.keys is None:
            return line.head(call)
        from google.auth.exceptions import GoogleAuthError

        try:
            return line.head(call)
        except GoogleAuthError as error:
            raise no_credentials(error, call.request) from error

    def _ready(self, request: GcsRequest) -> Any:
        try:
            return self._fs.get()
        except ValueError as error:
            raise Failures(self.emulator or GOOGLE, "STORAGE_EMULATOR_HOST", _TRUST).malformed(
                error, request
            ) from error

    def _open(self) -> Any:
        keys = None if self.emulator else GoogleKeys()
        return _Line(self.emulator or GOOGLE, keys, self._stall)


class Headers(dict[str, str]):
    """Headers, found by names in any case."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())


def _answer(call: Call, connection: Connection, head: Head, limit: int | None = None) -> Answer:
    most = MOST if head.status >= 300 else call.limit if limit is None else limit
    return Answer(call.request, head.status, Headers(head.headers), connection.body(head, most) or b"")
