"""The bucket of the native plane: as the other plane's, and ranges and many small objects go their own way."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

from wabucketref.contracts.many import Content, Copied, Copy, Put, Read, Stored
from wabucketref.contracts.storage import Capabilities, ObjectInfo, Sink
from wabucketref.errors import WaBucketError
from wabucketref.store.climb import Climb
from wabucketref.store.drivers.s3 import CAPABILITIES, S3Storage
from wabucketref.store.drivers.s3_objects import begins_at
from wabucketref.store.drivers.s3_request import OUT_OF_RANGE
from wabucketref.store.drivers.urls import BucketUrl
from wabucketref.store.intofile import IntoFile
from wabucketref.store.native.s3 import UNWANTED, Answer, Ask, NativeS3
from wabucketref.store.native.s3_operations import asked, document

T = TypeVar("T")
NATIVE: Final = replace(CAPABILITIES, many=True)
_FIRST: Final = 8
"""Requests at once, of many, before anything is known of the network."""
_CONTROL: Final = 64 << 10
"""Bytes of the answer to a write, at most."""


class NativeS3Storage(S3Storage):
    """As the other plane's, and ranges come as they are read."""

    plane = "native"

    def __init__(self, address: BucketUrl, client: NativeS3) -> None:
        super().__init__(address, client)
        self._native = client
        self._at_once = _FIRST

    @property
    def capabilities(self) -> Capabilities:
        return NATIVE

    def read_to(self, key: str, start: int, length: int, sink: Sink) -> int:
        if length <= 0:
            return 0
        count, wanted = 0, f"bytes={start}-{start + length - 1}"
        file = sink if isinstance(sink, IntoFile) else None
        begun = file.at if file else 0

        def take(piece: memoryview) -> None:
            nonlocal count
            if count + len(piece) > length:
                raise self.other_range(key, wanted, {})
            sink(piece)
            count += len(piece)

        facts = self._native.pour(
            self.request(key),
            {**self.names(key), "Range": wanted},
            lambda facts: length if begins_at(facts, start) else None,
            take,
            file,
        )
        if OUT_OF_RANGE in facts:
            return 0
        if UNWANTED in facts:
            raise self.other_range(key, wanted, facts)
        return file.at - begun if file else count

    def put_many(self, puts: Iterator[Put], width: int, check: Callable[[], None]) -> Iterator[Stored]:
        """Implements contracts.many.Many."""

        def asks() -> Iterator[Ask[tuple[Put, Mapping[str, Any]]]]:
            for put in puts:
                request, arguments = self.asked_put(put.key, put.data, if_absent=put.if_absent)
                yield Ask((put, arguments), request, asked("put_object", arguments), _CONTROL)

        for ask, answer in self._many(asks(), width, check):
            put, arguments = ask.tag
            outcome: ObjectInfo | WaBucketError
            try:
                outcome = self.stored(put.key, ask.request, arguments, _good(answer)[0])
            except WaBucketError as error:
                outcome = error
            yield put, outcome

    def copy_many(self, copies: Iterator[Copy], width: int, check: Callable[[], None]) -> Iterator[Copied]:
        """Implements contracts.many.Many."""
        done = deque[Copied]()

        def asks() -> Iterator[Ask[Copy]]:
            for copy in copies:
                source, one = copy.source, self._copies.takes_one_request(copy.source.size, copy.if_absent)
                if one:
                    request, arguments = self.asked_copy(
                        source.key, copy.key, if_absent=copy.if_absent, etag=source.etag
                    )
                    yield Ask(copy, request, asked("copy_object", arguments), _CONTROL)
                else:
                    done.append((copy, None if one is False else self._found_out(copy)))

        for ask, answer in self._many(asks(), width, check):
            yield ask.tag, self._copied(ask, answer)
            while done:
                yield done.popleft()
        yield from done

    def _found_out(self, one: Copy) -> ObjectInfo | WaBucketError:
        """A copy from which it is learnt what the store does."""
        try:
            return self.copy(one.source.key, one.key, if_absent=one.if_absent, seen=one.source)
        except WaBucketError as error:
            return error

    def _copied(self, ask: Ask[Copy], answer: Answer | WaBucketError) -> ObjectInfo | WaBucketError:
        copy = ask.tag
        try:
            facts, body = _good(answer)
            said = document("copy_object", body or b"")
            made = self.copied(copy.key, copy.source.size, ask.request, {**facts, **said})
        except WaBucketError as error:
            return error
        return self._copies.copied(made, copy.source) if copy.if_absent else made

    def read_many(self, reads: Iterator[Read], width: int, check: Callable[[], None]) -> Iterator[Content]:
        """Implements contracts.many.Many."""

        def asks() -> Iterator[Ask[Read]]:
            for read in reads:
                yield Ask(read, self.request(read.key), asked("get_object", self.names(read.key)), read.limit)

        for ask, answer in self._many(asks(), width, check):
            read = ask.tag
            outcome: tuple[bytes, ObjectInfo] | WaBucketError
            try:
                facts, data = _good(answer)
                outcome = self.content_of(read.key, data, facts, read.limit)
            except WaBucketError as error:
                outcome = error
            yield read, outcome

    def put_again(self, put: Put, failed: WaBucketError) -> ObjectInfo:
        """Implements contracts.many.Many: here nothing is tried twice."""
        raise failed

    def copy_again(self, copy: Copy, failed: WaBucketError) -> ObjectInfo:
        """As :meth:`put_again`."""
        raise failed

    def read_again(self, read: Read, failed: WaBucketError) -> tuple[bytes, ObjectInfo]:
        """As :meth:`put_again`."""
        raise failed

    def _many(
        self, asks: Iterator[Ask[T]], width: int, check: Callable[[], None]
    ) -> Iterator[tuple[Ask[T], Answer | WaBucketError]]:
        climb = Climb(width, first=self._at_once)
        try:
            yield from self._native.many(asks, climb, check)
        finally:
            self._at_once = climb.wanted


def _good(answer: Answer | WaBucketError) -> Answer:
    if isinstance(answer, WaBucketError):
        raise answer
    return answer
