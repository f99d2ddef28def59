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

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What varies between stores. Each is tested both ways by the conformance kit."""

    create_if_absent: bool = False
    """``put(if_absent=True)`` is atomic among all writers."""
    replace_if_match: bool = False
    """``put(if_match=ETAG)`` and ``delete(if_match=ETAG)`` are atomic among all writers."""
    server_side_copy: bool = False
    multipart: bool = False
    """Parts may be sent in parallel and in any order."""
    min_part_bytes: int = 5 << 20
    max_key_bytes: int = 1024
    local: bool = False
    """Keys are paths on a disk of this machine."""


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


class Multipart(Protocol):
    """A multipart upload under way. Part numbers count from 1; parts may be put by several threads at once."""

    def put_part(self, number: int, data: bytes) -> None:
        """Store one part; idempotent: the last one with a number counts."""

    def complete(self, *, if_absent: bool = False) -> ObjectInfo:
        """Make the object of all parts put, in order of number. As ``Storage.put`` for `if_absent`."""

    def abort(self) -> None:
        """Give the parts back; harmless when already completed or aborted. Raises nothing but TransientError."""


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

    def put(self, key: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None) -> ObjectInfo:
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

    def start_multipart(self, key: str) -> Multipart:
        """Begin a multipart upload.

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

    def copy(self, source: str, key: str) -> ObjectInfo:
        """Copy within the store without moving bytes through this machine. Idempotent.

        Raises:
            NotFound: the source is gone.
            Unsupported: without the capability.
        """

    def flush(self) -> None:
        """Make all writes that returned survive power loss: before a commit point, and after it. Idempotent.

        Nothing to do where a write is durable on return.
        """

    def close(self) -> None:
        """Give connections back; idempotent."""
