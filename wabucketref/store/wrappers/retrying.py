"""Carries out requests again by one policy; the only place below the transfers where anything is retried."""

from collections.abc import Callable
from typing import TypeVar

from wabucketref.contracts.storage import Storage
from wabucketref.errors import OutcomeUnknown, WaBucketError
from wabucketref.retry import RetryPolicy, retry, was_answered
from wabucketref.store.wrappers.wrapper import Call, Wrapper

T = TypeVar("T")


class Retrying(Wrapper):
    """Asks the error (``retryable``) and the request: a write that is not idempotent is not sent again once its
    outcome is unknown, and a stream that was read once is never sent again. A store that has never answered is not
    waited for as long as one that has.
    """

    def __init__(self, inner: Storage, policy: RetryPolicy) -> None:
        super().__init__(inner)
        self._policy = policy
        self._answered = False

    def around(self, call: Call, action: Callable[[], T]) -> T:
        if not call.repeatable:
            return action()

        def may_repeat(error: WaBucketError) -> bool:
            return error.retryable and (call.idempotent or not isinstance(error, OutcomeUnknown))

        what = f"{call.method} {call.key!r} in {self.url}"
        result = retry(action, self._policy, what=what, may_repeat=may_repeat, deadline=self._deadline)
        self._answered = True
        return result

    def _deadline(self, error: WaBucketError) -> float:
        self._answered = self._answered or was_answered(error)
        return self._policy.deadline if self._answered else min(self._policy.deadline, self._policy.first_contact)
