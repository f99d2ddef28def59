"""The bucket of the native plane: as the other plane's, and ranges and many small objects go their own way."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Final, TypeVar, cast

from wabucketref.contracts.many import Content, Copied, Copy, Put, Read, Stored
from wabucketref.contracts.storage import Capabilities, ObjectInfo, Sink
from wabucketref.errors import WaBucketError
from wabucketref.store.disk.intofile import IntoFile
from wabucketref.store.drivers.s3 import CAPABILITIES, S3Storage
from wabucketref.store.drivers.s3_objects import begins_at
from wabucketref.store.drivers.s3_request import OUT_OF_RANGE
from wabucketref.store.drivers.urls import BucketUrl
from wabucketref.store.native.s3 import UNWANTED
from wabucketref.store.native.s3_many import Answer, Ask, ManyS3, Unasked
from wabucketref.store.native.together import Together, outcomes

A = TypeVar("A")
R = TypeVar("R")
NATIVE: Final = replace(CAPABILITIES, many=True)
_CONTROL: Final = 64 << 10
"""Bytes of the answer to a write, at most."""


class NativeS3Storage(Together, S3Storage):
    """As the other plane's, and ranges come as they are read."""

    plane = "native"

    def __init__(self, address: BucketUrl, client: ManyS3) -> None:
        super().__init__(address, client)
        self._native = client

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

        def ask(put: Put) -> Ask[Put]:
            request, arguments = self.asked_put(put.key, put.data, if_absent=put.if_absent)
            return Ask(put, request, "put_object", arguments, _CONTROL)

        def told(ask: Ask[Put], answer: Answer) -> ObjectInfo:
            return self.stored(ask.tag.key, ask.request, ask.arguments, answer[0])

        return self._many(puts, ask, told, width, check)

    def copy_many(self, copies: Iterator[Copy], width: int, check: Callable[[], None]) -> Iterator[Copied]:
        """Implements contracts.many.Many."""
        others = deque[Copied]()

        def by_one_request() -> Iterator[Copy]:
            for copy in copies:
                one = self._copies.takes_one_request(copy.source.size, copy.if_absent)
                if one:
                    yield copy
                else:
                    others.append((copy, None if one is False else self._found_out(copy)))

        def ask(copy: Copy) -> Ask[Copy]:
            source = copy.source
            request, arguments = self.asked_copy(source.key, copy.key, if_absent=copy.if_absent, etag=source.etag)
            return Ask(copy, request, "copy_object", arguments, _CONTROL)

        def told(ask: Ask[Copy], answer: Answer) -> ObjectInfo:
            copy = ask.tag
            made = self.copied(copy.key, copy.source.size, ask.request, answer[0])
            return self._copies.copied(made, copy.source) if copy.if_absent else made

        for outcome in self._many(by_one_request(), ask, told, width, check):
            yield outcome
            while others:
                yield others.popleft()
        yield from others

    def _found_out(self, one: Copy) -> ObjectInfo | WaBucketError:
        """A copy from which it is learnt what the store does."""
        try:
            return self.copy(one.source.key, one.key, if_absent=one.if_absent, seen=one.source)
        except WaBucketError as error:
            return error

    def read_many(self, reads: Iterator[Read], width: int, check: Callable[[], None]) -> Iterator[Content]:
        """Implements contracts.many.Many."""

        def ask(read: Read) -> Ask[Read]:
            return Ask(read, self.request(read.key), "get_object", self.names(read.key), read.limit)

        def told(ask: Ask[Read], answer: Answer) -> tuple[bytes, ObjectInfo]:
            facts, data = answer
            return self.content_of(ask.tag.key, data, facts, ask.limit)

        return self._many(reads, ask, told, width, check)

    def _many(
        self,
        todo: Iterator[A],
        ask_for: Callable[[A], Ask[A]],
        told: Callable[[Ask[A], Answer], R],
        width: int,
        check: Callable[[], None],
    ) -> Iterator[tuple[A, R | WaBucketError]]:
        """`ask_for` makes the request of one, `told` what its answer says; either may raise WaBucketError."""

        def asks() -> Iterator[Ask[A] | Unasked[A]]:
            for one in todo:
                ask: Ask[A] | Unasked[A]
                try:
                    ask = ask_for(one)
                except WaBucketError as error:
                    ask = Unasked(one, error)
                yield ask

        def finish(ask: Ask[A] | Unasked[A], answer: Answer) -> R:
            return told(cast(Ask[A], ask), answer)

        with self.learning(width) as learnt, closing(self._native.many(asks(), learnt, check)) as answers:
            for ask, outcome in outcomes(answers, finish):
                yield ask.tag, outcome
