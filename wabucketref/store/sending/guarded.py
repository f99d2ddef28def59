"""Writes under a claim, each on the condition of what was seen under it: a writer that slept cannot undo another's."""

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Protocol, cast

from wabucketref.contracts.many import Copied, Copy, Many, Put, Stored
from wabucketref.contracts.storage import Buffer, Multipart, ObjectInfo, Part, Storage
from wabucketref.errors import (
    AlreadyExists,
    NotFound,
    OutcomeUnknown,
    PreconditionFailed,
    TransientError,
    WaBucketError,
)
from wabucketref.retry import retry
from wabucketref.store.engine.pool import Crew
from wabucketref.store.withdraw import delete_seen

_CONFLICTS = (AlreadyExists, PreconditionFailed)


class SourceGone(Exception):
    """The original of a copy was removed or changed."""


class Claim(Protocol):
    """What is asked before every write: ``claims.held.Held``, or a worker's look at it."""

    def check(self) -> None:
        """Raises UploadInProgress unless the claim is surely this upload's."""

    def touch(self) -> None:
        """As :meth:`check`; and something was or may have been written."""


class Guarded:
    """Writes objects of one artifact. Thread-safe."""

    def __init__(self, storage: Storage, claim: Claim, crew: Crew) -> None:
        self.storage = storage
        self._claim = claim
        self._crew = crew

    def put(self, key: str, data: Buffer, seen: ObjectInfo | None, failed: WaBucketError | None = None) -> ObjectInfo:
        """Store a small object in the place of `seen`. `failed`: what became of a first try, by :meth:`put_many`."""

        def attempt(seen: ObjectInfo | None) -> ObjectInfo:
            nonlocal failed
            able = self.storage.capabilities
            if failed is not None:
                error, failed = failed, None
                return cast(Many, self.storage).put_again(Put(key, data, able.create_if_absent), error)
            if seen is None:
                return self.storage.put(key, data, if_absent=able.create_if_absent)
            if able.replace_if_match and seen.etag is not None:
                return self.storage.put(key, data, if_match=seen.etag)
            return self.storage.put(key, data)

        return self._repeated(key, attempt, seen, OutcomeUnknown)

    def put_many(self, puts: Iterator[Put], width: int) -> Generator[Stored]:
        """Store small objects where nothing was seen, each once. Only where the storage is able to."""

        def touched() -> Iterator[Put]:
            for put in puts:
                self._claim.touch()
                yield put

        yield from cast(Many, self.storage).put_many(touched(), width, self._crew.check)

    def put_large(
        self, key: str, seen: ObjectInfo | None, send: Callable[[bool], ObjectInfo], *, streamed: bool
    ) -> ObjectInfo:
        """Store a large object in the place of `seen` by `send(if_absent)`, which may be called again.

        What was seen goes first: no store replaces on a condition in parts. `streamed`: no lower floor could try
        again what `send` does, since it reads its chunks once.
        """

        def attempt(seen: ObjectInfo | None) -> ObjectInfo:
            if seen is not None:
                self.delete(seen)
            return send(self.storage.capabilities.create_if_absent)

        return self._repeated(key, attempt, seen, TransientError if streamed else OutcomeUnknown)

    def copy(
        self, original: ObjectInfo, key: str, seen: ObjectInfo | None, failed: WaBucketError | None = None
    ) -> ObjectInfo:
        """Store a copy of another object in the place of `seen`. As for large objects, what was seen goes first.
        `failed`: what became of a first try, by :meth:`copy_many`.

        Raises:
            SourceGone: the original is not as it was seen any more.
        """

        def attempt(seen: ObjectInfo | None) -> ObjectInfo:
            nonlocal failed
            if seen is not None:
                self.delete(seen)
            error, failed, create_only = failed, None, self.storage.capabilities.create_if_absent
            try:
                if error is not None:
                    return cast(Many, self.storage).copy_again(Copy(key, original, create_only), error)
                return self.storage.copy(original.key, key, if_absent=create_only, seen=original)
            except (NotFound, PreconditionFailed) as error:
                raise SourceGone from error

        return self._repeated(key, attempt, seen, OutcomeUnknown)

    def copy_many(self, copies: Iterator[Copy], width: int) -> Generator[Copied]:
        """Copy objects to where nothing was seen, each once. Only where the storage is able to."""

        def touched() -> Iterator[Copy]:
            for copy in copies:
                self._claim.touch()
                yield copy

        yield from cast(Many, self.storage).copy_many(touched(), width, self._crew.check)

    def delete(self, seen: ObjectInfo) -> None:
        """Remove an object as it was seen.

        Raises:
            PreconditionFailed: it is another one now.
        """
        self._claim.touch()
        delete_seen(self.storage, seen.key, seen.etag)

    def start_multipart(self, key: str, part_bytes: int, if_absent: bool) -> Multipart:
        self._claim.touch()
        return self.storage.start_multipart(key, part_bytes, if_absent=if_absent)

    def resume_multipart(
        self, key: str, upload_id: str, part_bytes: int, parts: Sequence[Part], if_absent: bool
    ) -> Multipart:
        self._claim.touch()
        return self.storage.resume_multipart(key, upload_id, part_bytes, parts, if_absent=if_absent)

    def complete(self, upload: Multipart) -> ObjectInfo:
        self._claim.check()
        return upload.complete()

    def stream(self, key: str, chunks: Iterator[bytes], size: int, if_absent: bool) -> ObjectInfo:
        self._claim.touch()
        return self.storage.put_stream(key, chunks, size, if_absent=if_absent)

    def _repeated(
        self,
        key: str,
        attempt: Callable[[ObjectInfo | None], ObjectInfo],
        seen: ObjectInfo | None,
        again: type[TransientError],
    ) -> ObjectInfo:
        """Try again, on the condition of what is there then, while the claim holds."""

        def may_repeat(error: WaBucketError) -> bool:
            # A conflict: an answer of ours was lost, or a writer from before this claim woke up.
            return isinstance(error, _CONFLICTS) or (
                isinstance(error, again) and error.retryable and not error.exhausted
            )

        def once() -> ObjectInfo:
            nonlocal seen
            self._claim.touch()
            try:
                return attempt(seen)
            except WaBucketError as error:
                if may_repeat(error):
                    seen = self.storage.head(key)
                raise

        return retry(once, self._crew.policy, what=f"writing {key!r}", may_repeat=may_repeat)
