"""Carries out requests again by one policy; the only place below the transfers where anything is retried."""

from collections.abc import Callable
from typing import TypeVar

from wabucketref.contracts.many import Copy, Put, Read
from wabucketref.contracts.storage import Buffer, ObjectInfo, Sink, Storage
from wabucketref.errors import OutcomeUnknown, WaBucketError, WrittenWrong
from wabucketref.retry import RetryPolicy, retry, was_answered
from wabucketref.store.disk.intofile import IntoFile
from wabucketref.store.wrappers.wrapper import Call, Wrapper

T = TypeVar("T")


class Retrying(Wrapper):
    """Asks the error (``retryable``) and the request: a write that is not idempotent is not sent again once its
    outcome is unknown, and a stream that was read once is never sent again. A part that arrived damaged ends its
    upload: some servers have passed it on by then. A store that has never answered is not waited for as long as one
    that has.
    """

    passes_many = True

    def __init__(self, inner: Storage, policy: RetryPolicy) -> None:
        super().__init__(inner)
        self._policy = policy
        self._answered = False

    def around(self, call: Call, action: Callable[[], T]) -> T:
        if not call.repeatable:
            return action()

        def may_repeat(error: WaBucketError) -> bool:
            if isinstance(error, WrittenWrong):
                return call.method == "put"
            return error.retryable and (call.idempotent or not isinstance(error, OutcomeUnknown))

        what = f"{call.method} {call.key!r} in {self.url}"
        result = retry(action, self._policy, what=what, may_repeat=may_repeat, deadline=self._deadline)
        self._answered = True
        return result

    def read_to(self, key: str, start: int, length: int, sink: Sink) -> int:
        """A further try goes on after the last piece that was handed over."""
        if isinstance(sink, IntoFile):
            return self._read_into(key, start, length, sink)
        done = 0

        def take(piece: memoryview) -> None:
            nonlocal done
            sink(piece)
            done += len(piece)

        def once() -> int:
            self.inner.read_to(key, start + done, length - done, take)
            return done

        return self.around(Call("read_to", key), once)

    def _read_into(self, key: str, start: int, length: int, file: IntoFile) -> int:
        begun = file.at

        def once() -> int:
            done = file.at - begun
            self.inner.read_to(key, start + done, length - done, file)
            return file.at - begun

        return self.around(Call("read_to", key), once)

    def put(self, key: str, data: Buffer, *, if_absent: bool = False, if_match: str | None = None) -> ObjectInfo:
        return self._put(key, data, if_absent, if_match)

    def put_again(self, put: Put, failed: WaBucketError) -> ObjectInfo:
        return self._put(put.key, put.data, put.if_absent, None, failed)

    def copy_again(self, copy: Copy, failed: WaBucketError) -> ObjectInfo:
        first = _First(failed)

        def once() -> ObjectInfo:
            first.check()
            return self.inner.copy(copy.source.key, copy.key, if_absent=copy.if_absent, seen=copy.source)

        return self.around(Call("copy", copy.key, idempotent=not copy.if_absent), once)

    def read_again(self, read: Read, failed: WaBucketError) -> tuple[bytes, ObjectInfo]:
        first = _First(failed)

        def once() -> tuple[bytes, ObjectInfo]:
            first.check()
            return self.inner.read(read.key, limit=read.limit)

        return self.around(Call("read", read.key), once)

    def _put(
        self, key: str, data: Buffer, if_absent: bool, if_match: str | None, failed: WaBucketError | None = None
    ) -> ObjectInfo:
        """What this write left damaged is replaced, and nothing else."""
        first = _First(failed)
        conditional = if_absent or if_match is not None

        def once() -> ObjectInfo:
            nonlocal if_absent, if_match
            try:
                first.check()
                return self.inner.put(key, data, if_absent=if_absent, if_match=if_match)
            except WrittenWrong as error:
                if conditional:
                    if_absent, if_match = False, error.etag
                raise

        return self.around(Call("put", key, len(data), idempotent=not conditional), once)

    def _deadline(self, error: WaBucketError) -> float:
        self._answered = self._answered or was_answered(error)
        return self._policy.deadline if self._answered else min(self._policy.deadline, self._policy.first_contact)


class _First:
    """A first try that was made, and failed, elsewhere."""

    def __init__(self, failed: WaBucketError | None) -> None:
        self._failed = failed

    def check(self) -> None:
        """Raise its error, once."""
        failed, self._failed = self._failed, None
        if failed is not None:
            raise failed
