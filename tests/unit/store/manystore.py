"""A store in memory that is asked for many at a time."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from wabucketref.contracts.many import Content, Copied, Copy, Put, Read, Stored
from wabucketref.contracts.storage import Capabilities, ObjectInfo
from wabucketref.errors import WaBucketError
from wabucketref.store.drivers.memory import MemoryStorage
from wabucketref.store.wrappers.wrapper import one_by_one

A = TypeVar("A")
R = TypeVar("R")


class ManyMemory(MemoryStorage):
    """Each is carried out when as many as may be are under way."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.most = 0
        """That were under way at once."""
        self.fails: dict[str, WaBucketError] = {}
        """By key, with what the one request of many fails."""

    @property
    def capabilities(self) -> Capabilities:
        return replace(super().capabilities, many=True)

    def put_many(self, puts: Iterator[Put], width: int, check: Callable[[], None]) -> Iterator[Stored]:
        def put(one: Put) -> ObjectInfo:
            self._fail(one.key)
            return self.put(one.key, one.data, if_absent=one.if_absent)

        return one_by_one(self._ahead(puts, width), put)

    def read_many(self, reads: Iterator[Read], width: int, check: Callable[[], None]) -> Iterator[Content]:
        def read(one: Read) -> tuple[bytes, ObjectInfo]:
            self._fail(one.key)
            return self.read(one.key, limit=one.limit)

        return one_by_one(self._ahead(reads, width), read)

    def copy_many(self, copies: Iterator[Copy], width: int, check: Callable[[], None]) -> Iterator[Copied]:
        return one_by_one(
            self._ahead(copies, width),
            lambda one: self.copy(one.source.key, one.key, if_absent=one.if_absent, seen=one.source),
        )

    def _fail(self, key: str) -> None:
        if key in self.fails:
            raise self.fails[key]

    def _ahead(self, asked: Iterator[A], width: int) -> Iterator[A]:
        under_way = deque[A]()
        for one in asked:
            under_way.append(one)
            self.most = max(self.most, len(under_way))
            if len(under_way) == width:
                yield under_way.popleft()
        yield from under_way
