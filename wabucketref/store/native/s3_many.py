"""Many requests to S3 at a time, from one thread."""

from collections.abc import Callable, Generator, Iterator, Mapping
from itertools import chain
from typing import Any, Generic, NamedTuple, TypeVar

from wabucketref.errors import WaBucketError
from wabucketref.store.drivers.s3_request import S3Request
from wabucketref.store.native.fan import Fan, Message, Refused
from wabucketref.store.native.flight import Flight
from wabucketref.store.native.heads import Head
from wabucketref.store.native.s3 import Line, NativeS3
from wabucketref.store.native.s3_operations import asked
from wabucketref.store.native.sigv4 import Keys
from wabucketref.store.native.width import Width
from wabucketref.store.native.wire import Connection

T = TypeVar("T")

Answer = tuple[Mapping[str, Any], bytes | None]
"""Facts, and the body unless it is too long."""


class Ask(NamedTuple, Generic[T]):
    """One of many requests."""

    tag: T
    request: S3Request
    operation: str
    arguments: Mapping[str, Any]
    limit: int
    """Bytes of the body of a good answer, at most."""


class Unasked(NamedTuple, Generic[T]):
    """One of many requests that cannot be made."""

    tag: T
    error: WaBucketError


class _Sent(NamedTuple, Generic[T]):
    """What a request of many is called while it is under way."""

    ask: Ask[T] | Unasked[T]
    keys: Keys | None


class ManyS3(NativeS3):
    """Implements S3Calls, and asks for many at once."""

    def many(
        self, asks: Iterator[Ask[T] | Unasked[T]], width: Width, check: Callable[[], None]
    ) -> Generator[tuple[Ask[T] | Unasked[T], Answer | WaBucketError]]:
        """Many requests at a time, each once: the facts and the body of each answer. As ``contracts.many.Many``."""
        for first in asks:
            try:
                line = self._ready(S3Request(f"bucket {self._address}"))[0]
            except WaBucketError as error:
                yield first, error
                return
            with Fan(line.pool, width, check) as fan:
                for (ask, keys), came in fan.carry(self._messages(line, chain((first,), asks))):
                    try:
                        answer = self._answer(line, keys, ask, came)
                    except WaBucketError as error:
                        yield ask, error
                    else:
                        yield ask, answer
            return

    def _messages(
        self, line: Line, asks: Iterator[Ask[T] | Unasked[T]]
    ) -> Iterator[Message[_Sent[T]] | Refused[_Sent[T]]]:
        """What is sent there, until the bucket is elsewhere or there are no credentials."""
        for ask in asks:
            if isinstance(ask, Unasked):
                yield Refused(_Sent(ask, None), ask.error)
                continue
            try:
                _, keys = self._ready(ask.request)
            except WaBucketError as error:
                yield Refused(_Sent(ask, None), error)
                return
            one = asked(ask.operation, ask.arguments)
            yield Message(_Sent(ask, keys), self._signed(line, one, keys) + one.body, ask.limit)
            if self._place is not line.place:
                return

    def _answer(self, line: Line, keys: Keys | None, ask: Ask[T] | Unasked[T], came: Flight | Exception) -> Answer:
        """What came, or what comes of asking once more, elsewhere or with new credentials."""
        if isinstance(came, WaBucketError):
            raise came
        assert isinstance(ask, Ask)
        if isinstance(came, Exception):
            raise line.failures.of(came, ask.request) from came
        assert came.head is not None
        assert keys is not None
        if came.head.status < 300:
            return self._facts(came.head, came.body, ask.operation, ask.request), came.body

        def read(connection: Connection, head: Head) -> Answer:
            body = connection.body(head, ask.limit)
            return self._facts(head, body, ask.operation, ask.request), body

        self._turn(line, keys, self._refusal(line, ask.request, came.head, came.body), ask.request)
        line, keys = self._ready(ask.request)
        return self._once(line, keys, ask.request, asked(ask.operation, ask.arguments), read)
