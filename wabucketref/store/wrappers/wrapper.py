"""The base of all wrappers: delegates every call through one method, which a wrapper overrides."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar, Generic, NamedTuple, TypeVar, cast

from wabucketref.contracts.many import Content, Copied, Copy, Many, Put, Read, Stored
from wabucketref.contracts.storage import (
    Buffer,
    Capabilities,
    Multipart,
    ObjectInfo,
    Part,
    Sink,
    Storage,
    UnfinishedWrite,
)
from wabucketref.errors import Unsupported, WaBucketError

A = TypeVar("A")
R = TypeVar("R")
T = TypeVar("T")


class Call(NamedTuple):
    """One request as the wrappers see it."""

    method: str
    """Name of the method of ``Storage``; ``put_part``, ``complete`` and ``abort`` for those of ``Multipart``."""
    key: str
    bytes: int = 0
    """Bytes sent along."""
    idempotent: bool = True
    """Carrying it out twice is the same as once."""
    repeatable: bool = True
    """It can be carried out again at all (a stream can be read once)."""


class Wrapper:
    """A storage around a storage. Subclasses override :meth:`around` (and seldom more)."""

    passes_many: ClassVar[bool] = False
    """Whether many requests at a time pass :meth:`around_many`; else each goes through :meth:`around`."""

    def __init__(self, inner: Storage) -> None:
        self.inner = inner

    def around(self, call: Call, action: Callable[[], T]) -> T:
        """Carry out `action`, which is `call` on the inner storage. Called from many threads."""
        return action()

    @property
    def url(self) -> str:
        return self.inner.url

    @property
    def plane(self) -> str | None:
        """What carries the bytes, where there is a choice; for people."""
        return getattr(self.inner, "plane", None)

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    @property
    def unproven(self) -> Capabilities:
        """As :func:`unproven`."""
        return unproven(self.inner)

    def head(self, key: str) -> ObjectInfo | None:
        return self.around(Call("head", key), lambda: self.inner.head(key))

    def read(self, key: str, *, limit: int) -> tuple[bytes, ObjectInfo]:
        return self.around(Call("read", key), lambda: self.inner.read(key, limit=limit))

    def read_range(self, key: str, start: int, length: int) -> bytes:
        return self.around(Call("read_range", key), lambda: self.inner.read_range(key, start, length))

    def read_to(self, key: str, start: int, length: int, sink: Sink) -> int:
        return self.around(Call("read_to", key), lambda: self.inner.read_to(key, start, length, sink))

    def put(self, key: str, data: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> ObjectInfo:
        call = Call("put", key, len(data), idempotent=not if_absent and if_match is None)
        return self.around(call, lambda: self.inner.put(key, data, if_absent=if_absent, if_match=if_match))

    def put_stream(self, key: str, chunks: Iterator[bytes], size: int, *, if_absent: bool = False) -> ObjectInfo:
        call = Call("put_stream", key, size, idempotent=not if_absent, repeatable=False)
        return self.around(call, lambda: self.inner.put_stream(key, chunks, size, if_absent=if_absent))

    def start_multipart(self, key: str, part_bytes: int, *, if_absent: bool = False) -> Multipart:
        call = Call("start_multipart", key)
        inner = self.around(call, lambda: self.inner.start_multipart(key, part_bytes, if_absent=if_absent))
        return WrappedMultipart(self, key, inner)

    def resume_multipart(
        self, key: str, upload_id: str, part_bytes: int, parts: Sequence[Part], *, if_absent: bool = False
    ) -> Multipart:
        inner = self.around(
            Call("resume_multipart", key),
            lambda: self.inner.resume_multipart(key, upload_id, part_bytes, parts, if_absent=if_absent),
        )
        return WrappedMultipart(self, key, inner)

    def abort_multipart(self, key: str, upload_id: str) -> None:
        self.around(Call("abort_multipart", key), lambda: self.inner.abort_multipart(key, upload_id))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return WrappedListing(self, Call("list", prefix), lambda: self.inner.list(prefix))

    def unfinished(self, prefix: str) -> Iterator[UnfinishedWrite]:
        return WrappedListing(self, Call("unfinished", prefix), lambda: self.inner.unfinished(prefix))

    def discard(self, write: UnfinishedWrite) -> None:
        self.around(Call("discard", write.key), lambda: self.inner.discard(write))

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        call = Call("delete", key, idempotent=if_match is None)
        self.around(call, lambda: self.inner.delete(key, if_match=if_match))

    def copy(self, source: str, key: str, *, if_absent: bool = False, seen: ObjectInfo | None = None) -> ObjectInfo:
        call = Call("copy", key, idempotent=not if_absent)
        return self.around(call, lambda: self.inner.copy(source, key, if_absent=if_absent, seen=seen))

    def around_many(
        self, asked: Iterator[A], width: int, begin: Callable[[Iterator[A], int], Iterator[tuple[A, R]]]
    ) -> Iterator[tuple[A, R]]:
        """Carry out many of `asked`, which `begin` does on the inner storage. Only where `passes_many`."""
        return begin(asked, width)

    def put_many(self, puts: Iterator[Put], width: int, check: Callable[[], None]) -> Iterator[Stored]:
        """As ``contracts.many.Many``."""
        self._need_many()
        if self.passes_many:
            inner = cast(Many, self.inner)
            return self.around_many(puts, width, lambda puts, width: inner.put_many(puts, width, check))
        return one_by_one(puts, lambda put: self.put(put.key, put.data, if_absent=put.if_absent))

    def read_many(self, reads: Iterator[Read], width: int, check: Callable[[], None]) -> Iterator[Content]:
        """As ``contracts.many.Many``."""
        self._need_many()
        if self.passes_many:
            inner = cast(Many, self.inner)
            return self.around_many(reads, width, lambda reads, width: inner.read_many(reads, width, check))
        return one_by_one(reads, lambda read: self.read(read.key, limit=read.limit))

    def copy_many(self, copies: Iterator[Copy], width: int, check: Callable[[], None]) -> Iterator[Copied]:
        """As ``contracts.many.Many``."""
        self._need_many()
        if self.passes_many:
            inner = cast(Many, self.inner)
            return self.around_many(copies, width, lambda copies, width: inner.copy_many(copies, width, check))
        return one_by_one(
            copies, lambda one: self.copy(one.source.key, one.key, if_absent=one.if_absent, seen=one.source)
        )

    def _need_many(self) -> None:
        if not self.capabilities.many:
            raise Unsupported(f"the store behind {self.url} does not take many requests at a time from one thread")

    def put_again(self, put: Put, failed: WaBucketError) -> ObjectInfo:
        """As ``contracts.many.Many``; what went one by one has been tried as often as it may be."""
        if not self.passes_many:
            raise failed
        call = Call("put", put.key, len(put.data), idempotent=not put.if_absent)
        return self.around(call, lambda: cast(Many, self.inner).put_again(put, failed))

    def copy_again(self, copy: Copy, failed: WaBucketError) -> ObjectInfo:
        """As :meth:`put_again`."""
        if not self.passes_many:
            raise failed
        call = Call("copy", copy.key, idempotent=not copy.if_absent)
        return self.around(call, lambda: cast(Many, self.inner).copy_again(copy, failed))

    def read_again(self, read: Read, failed: WaBucketError) -> tuple[bytes, ObjectInfo]:
        """As :meth:`put_again`."""
        if not self.passes_many:
            raise failed
        return self.around(Call("read", read.key), lambda: cast(Many, self.inner).read_again(read, failed))

    def flush(self) -> None:
        self.around(Call("flush", ""), self.inner.flush)

    def close(self) -> None:
        self.inner.close()


def innermost(storage: Storage) -> Storage:
    """The driver below all wrappers."""
    while isinstance(storage, Wrapper):
        storage = storage.inner
    return storage


def unproven(storage: Storage) -> Capabilities:
    """The capabilities of `storage` as they are known without asking anybody: what is yet to be proven is believed."""
    return storage.unproven if isinstance(storage, Wrapper) else storage.capabilities


def one_by_one(asked: Iterator[A], carry_out: Callable[[A], T]) -> Iterator[tuple[A, T | WaBucketError]]:
    """Many requests, one after the other."""
    for one in asked:
        outcome: T | WaBucketError
        try:
            outcome = carry_out(one)
        except WaBucketError as error:
            outcome = error
        yield one, outcome


class WrappedMultipart:
    """A multipart upload whose calls go through a wrapper."""

    def __init__(self, wrapper: Wrapper, key: str, inner: Multipart) -> None:
        self._wrapper = wrapper
        self._key = key
        self._inner = inner

    @property
    def upload_id(self) -> str:
        return self._inner.upload_id

    @property
    def landed(self) -> Mapping[int, Part]:
        return self._inner.landed

    def put_part(self, number: int, data: Buffer) -> Part:
        call = Call("put_part", self._key, len(data))
        return self._wrapper.around(call, lambda: self._inner.put_part(number, data))

    def complete(self) -> ObjectInfo:
        # A second try of one that was carried out would meet an upload that is gone.
        call = Call("complete", self._key, idempotent=False)
        return self._wrapper.around(call, self._inner.complete)

    def abort(self) -> None:
        self._wrapper.around(Call("abort", self._key), self._inner.abort)


class WrappedListing(Generic[T]):
    """A listing, begun by `begin`, whose steps go through a wrapper.

    A step that raised may be tried again: a driver whose iterator is ``resumable`` goes on where it stopped, any other
    listing is begun anew as long as it yielded nothing, and after that repeats its error.
    """

    resumable = True

    def __init__(self, wrapper: Wrapper, call: Call, begin: Callable[[], Iterator[T]]) -> None:
        self._wrapper = wrapper
        self._call = call
        self._begin = begin
        self._inner: Iterator[T] | None = None
        self._yielded = False
        self._broken: Exception | None = None

    def __iter__(self) -> "WrappedListing[T]":
        return self

    def __next__(self) -> T:
        found = self._wrapper.around(self._call, self._step)
        if found is None:
            raise StopIteration
        return found

    def _step(self) -> T | None:
        if self._broken is not None:
            raise self._broken
        if self._inner is None:
            self._inner = self._begin()
        try:
            found = next(self._inner, None)
        except Exception as error:
            self._mark_broken(error)
            raise
        self._yielded = self._yielded or found is not None
        return found

    def _mark_broken(self, error: Exception) -> None:
        if getattr(self._inner, "resumable", False):
            return
        self._inner = None
        if self._yielded:
            self._broken = error
