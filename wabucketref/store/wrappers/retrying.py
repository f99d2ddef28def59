"""Carries out requests again by one policy; the only place below the transfers where anything is retried."""

from collections.abc import Callable
from typing import TypeVar

from wabucketref.contracts.storage import Storage
from wabucketref.errors import OutcomeUnknown, WaBucketError
from wabucketref.retry import RetryPolicy, retry
from wabucketref.store.wrappers.wrapper import Call, Wrapper

T = TypeVar("T")


class Retrying(Wrapper):
    """Asks the error (``retryable``) and the request: a write that is not idempotent is not sent again once its
    outcome is unknown, and a stream that was read once is never sent again.
    """

    def __init__(self, inner: Storage, policy: RetryPolicy) -> None:
        super().__init__(inner)
        self._policy = policy

    def around(self, call: Call, action: Callable[[], T]) -> T:
        if not call.repeatable:
            return action()

        def may_repeat(error: WaBucketError) -> bool:
            return error.retryable and (call.idempotent or not isinstance(error, OutcomeUnknown))

        return retry(action, self._policy, what=f"{call.method} {call.key!r} in {self.url}", may_repeat=may_repeat)
