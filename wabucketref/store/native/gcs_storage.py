"""The bucket of the native plane on Google: ranges and many small objects go their own way."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from wabucketref.contracts.many import Content, Copied, Copy, Put, Read, Stored
from wabucketref.contracts.storage import Capabilities, Sink
from wabucketref.store.drivers.gcs import CAPABILITIES, GcsStorage
from wabucketref.store.drivers.urls import BucketUrl
from wabucketref.store.native.gcs import NativeGcs
from wabucketref.store.native.together import Together

NATIVE: Final = replace(CAPABILITIES, many=True)


class NativeGcsStorage(Together, GcsStorage):
    """As the other plane's, and ranges come as they are read."""

    plane = "native"

    def __init__(self, address: BucketUrl, client: NativeGcs) -> None:
        super().__init__(address, client)
        self._native = client

    @property
    def capabilities(self) -> Capabilities:
        return NATIVE

    def read_to(self, key: str, start: int, length: int, sink: Sink) -> int:
        if length <= 0:
            return 0
        return self._native.pour(self.ranged(key, start, length), start, sink)

    def put_many(self, puts: Iterator[Put], width: int, check: Callable[[], None]) -> Iterator[Stored]:
        """Implements contracts.many.Many."""
        return self.carried(
            self._native.many,
            puts,
            lambda put: self.asked_put(put.key, put.data, if_absent=put.if_absent),
            lambda put, answer: self.stored(put.key, put.data, answer),
            width,
            check,
        )

    def read_many(self, reads: Iterator[Read], width: int, check: Callable[[], None]) -> Iterator[Content]:
        """Implements contracts.many.Many."""
        return self.carried(
            self._native.many,
            reads,
            lambda read: self.asked_read(read.key, read.limit),
            lambda read, answer: self.content_of(read.key, read.limit, answer),
            width,
            check,
        )

    def copy_many(self, copies: Iterator[Copy], width: int, check: Callable[[], None]) -> Iterator[Copied]:
        """Implements contracts.many.Many: a copy may take several requests here, so each goes by itself."""
        return ((copy, None) for copy in copies)
