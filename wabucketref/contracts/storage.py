"""The storage contract: one bucket (or a prefix of one) that holds objects under string keys.

What the world must provide
    * Read after write: an object is seen by every later ``head``, ``read`` and ``list``, from any process.
    * No partial objects: until a write returns (or its multipart upload completes) the key shows what it showed before.

What an implementation promises
    * It is safe to call from many threads, and holds no listing cache.
    * Keys are relative to the root, ``/``-separated, without empty components, ``.`` or ``..``.
    * It never retries by itself (``retry.py`` does, in one wrapper) and raises only :class:`WaBucketError` kinds:
      ``NotFound`` (also: the bucket itself does not exist, said so), ``NotAuthorised``, ``TransientError``,
      ``OutcomeUnknown`` (a write was sent, no answer came), ``AlreadyExists``, ``PreconditionFailed``, ``Unsupported``.
    * What its capabilities do not name is refused with ``Unsupported``, never imitated by check-then-write.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

MAX_PARTS: Final = 10_000
"""Of one upload; no store takes more."""
Buffer: TypeAlias = bytes | memoryview
"""Bytes to store, a view being of single bytes in a row. Once the call has returned they may be changed."""
Sink: TypeAlias = Callable[[memoryview], object]
"""Takes a piece of an object, which is good only until it returns. It raises nothing that is retryable."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What varies between stores. Each is tested both ways by the conformance kit."""

    create_if_absent: bool = False
    """``put(if_absent=True)`` is atomic among all writers."""
    replace_if_match: bool = False
    """``put(if_match=ETAG)`` and ``delete(if_match=ETAG)`` are atomic among all writers."""
    server_side_copy: bool = False
    multipart: bool = False
    """Objects may be sent in parts, in parallel and in any order (but see `parts_in_order`)."""
    parts_in_order: bool = False
    """Parts must come one at a time, from the first on. How much of one landed only the store knows; what is put again
    is taken from there. So whoever wants to go on later must note a part before it is put."""
    resumable: bool = False
    """Another process can go on with an upload in parts."""
    lists_unfinished: bool = False
    """It can say which writes have begun and are not over: uploads in parts, hidden files of killed processes."""
    min_part_bytes: int = 5 << 20
    max_key_bytes: int = 1024
    refused_characters: str = ""
    """What no key can hold, because the store would take it for something else: refused with ``UsageError``."""
    local: bool = False
    """Keys are paths on a disk of this machine."""
    many: bool = False
    """It is a ``contracts.many.Many`` as well."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What a store says of one object."""

    key: str
    size: int
    etag: str | None = None
    """Opaque; changes when the bytes change. Without quotes."""
    version: str | None = None
    """Version id or generation, on stores that keep one."""
    modified: float | None = None
    """Seconds since the epoch by the *store's* clock."""
    as_seen: bool = field(default=False, compare=False)
    """Of the answer to a copy: the source surely was as it had been seen, and these are the facts of the copy that
    later requests show."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart upload, as the store confirmed it."""

    number: int
    """Counts from 1."""
    size: int
    etag: str | None = None
    """Opaque; some stores ask for it when the object is made."""


@dataclass(frozen=True, slots=True)
class UnfinishedWrite:
    """A write that has begun and is not over, of any process: it takes room, and no listing of objects shows it."""

    key: str
    """Of the object; where the store cannot tell, a key that nothing else has in the object's directory."""
    upload_id: str
    """Opaque; with `key` it names the write."""
    begun: float | None = None
    """Seconds since the epoch by the store's clock; later, where the store tells when bytes came last."""
    size: int | None = None
    """Bytes that it takes, where the store tells without another request."""


class Multipart(Protocol):
    """A multipart upload under way: parts 1 to n of one size, of which only the last may be smaller.

    Parts may be put by several threads at once. ``NotFound`` means everywhere that the upload is over: completed,
    aborted, or given up by the store; then it has to start over.
    """

    @property
    def upload_id(self) -> str:
        """What names it, with its key, to ``resume_multipart`` and ``abort_multipart`` of any process."""

    @property
    def landed(self) -> Mapping[int, Part]:
        """The parts that are stored, by number."""

    def put_part(self, number: int, data: Buffer) -> Part:
        """Store one part; idempotent: the last one with a number counts.

        Raises:
            NotFound: the upload is over.
        """

    def complete(self) -> ObjectInfo:
        """Make the object of all parts, in order of number. As ``Storage.put`` if the upload was to create it only.

        Raises:
            NotFound: the upload is over, and the object was not made of these parts.
        """

    def abort(self) -> None:
        """As ``Storage.abort_multipart``."""


class Storage(Protocol):
    """One bucket. See the module's text for the promises."""

    @property
    def url(self) -> str:
        """URL of the root without trailing slash and without secrets."""

    @property
    def capabilities(self) -> Capabilities: ...

    def head(self, key: str) -> ObjectInfo | None:
        """The object's facts, None when there is none. Idempotent."""

    def read(self, key: str, *, limit: int) -> tuple[bytes, ObjectInfo]:
        """The whole object and its facts. Idempotent.

        Raises:
            NotFound: no such object.
            IntegrityError: it is larger than `limit` bytes.
        """

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """`length` bytes from `start`; fewer only at the object's end. Idempotent.

        Raises:
            NotFound: no such object.
        """

    def read_to(self, key: str, start: int, length: int, sink: Sink) -> int:
        """Hand the bytes that :meth:`read_range` would give to `sink`, in pieces, in order, as they come; their number.

        What was handed over before an error stays so; who tries again asks for the rest. What `sink` raises ends it
        and comes through.

        Raises:
            NotFound: no such object.
        """

    def put(self, key: str, data: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> ObjectInfo:
        """Store `data` under `key`.

        Unconditional puts are idempotent. A conditional one is not: after ``OutcomeUnknown`` or a conflict the
        caller reads the object back to learn whose it is.

        Raises:
            AlreadyExists: `if_absent` and there is an object.
            PreconditionFailed: `if_match` and the object has another etag or is gone.
        """

    def put_stream(self, key: str, chunks: Iterator[bytes], size: int, *, if_absent: bool = False) -> ObjectInfo:
        """Store an object of `size` bytes from chunks read once, in bounded memory. Nothing shows if `chunks` raises.

        Raises as :meth:`put`; LocalIOError when the chunks do not add up to `size`.
        """

    def start_multipart(self, key: str, part_bytes: int, *, if_absent: bool = False) -> Multipart:
        """Begin an upload in parts of `part_bytes`. `if_absent` as for :meth:`put`, once it is completed.

        An earlier upload of the same key that is not over may be given up.

        Raises:
            Unsupported: without the capability.
        """

    def resume_multipart(
        self, key: str, upload_id: str, part_bytes: int, parts: Sequence[Part], *, if_absent: bool = False
    ) -> Multipart:
        """Go on with an upload that any process began with the same arguments and whose `parts` it stored.

        Raises:
            NotFound: the upload is over (where the store does not say so yet, its parts and its end will).
            Unsupported: without the capability.
        """

    def abort_multipart(self, key: str, upload_id: str) -> None:
        """Give the parts of an upload back, whoever began it; idempotent, and harmless when it is over.

        Raises:
            Unsupported: without uploads in parts.
        """

    def unfinished(self, prefix: str) -> Iterator[UnfinishedWrite]:
        """The writes below `prefix` (as for :meth:`list`) that are not over, of any process, in any order.

        Raises:
            Unsupported: without the capability; also where only asking shows that the store lacks it.
        """

    def discard(self, write: UnfinishedWrite) -> None:
        """End a write that :meth:`unfinished` showed, and free what it takes; harmless when it is over.

        Raises:
            Unsupported: without the capability.
        """

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """All objects whose key starts with `prefix` (ends with ``/`` or is empty), in any order, as a stream."""

    def delete(self, key: str, *, if_match: str | None = None) -> None:
        """Remove an object; idempotent.

        Raises:
            PreconditionFailed: `if_match` and the object has another etag.
        """

    def copy(self, source: str, key: str, *, if_absent: bool = False, seen: ObjectInfo | None = None) -> ObjectInfo:
        """Copy within the store without moving bytes through this machine. `if_absent` as for :meth:`put`, without
        which it is idempotent.

        `seen`, the source's facts as they were seen earlier, spares a question; where the store takes conditions on
        a source, nothing is copied once it changed. Some ignore them: unless the answer says ``as_seen``, who must be
        sure looks at the source once more afterwards, and at the copy.

        Raises:
            NotFound: the source is gone.
            AlreadyExists: `if_absent` and there is an object.
            PreconditionFailed: the source is not as it was `seen`.
            Unsupported: without the capability.
        """

    def flush(self) -> None:
        """Make all writes that returned survive power loss: before a commit point, and after it. Idempotent.

        Nothing to do where a write is durable on return.
        """

    def close(self) -> None:
        """Give connections back; idempotent."""
