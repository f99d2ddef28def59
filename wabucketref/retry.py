"""One retry policy for everything that talks to the world.

What is retried is decided by the error (``retryable``) and by the request (may it be carried out twice?); how often and
how long is the policy's. Every delay is reported in the log. Clock, sleep and randomness are given, so tests do not
wait and a cancelled transfer can wake from a delay by raising out of ``sleep``.
"""

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from wabucketref.errors import TransientError, WaBucketError

T = TypeVar("T")
_log = logging.getLogger(__name__)


def _random() -> float:
    return random.random()  # noqa: S311  # jitter, no secret


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential delays with jitter, at most `attempts` tries within `deadline` seconds."""

    attempts: int = 8
    unreachable_attempts: int = 5
    """Tries when no connection came about at all: a wrong endpoint should not be asked for minutes."""
    first_delay: float = 0.2
    factor: float = 2.0
    max_delay: float = 20.0
    max_retry_after: float = 60.0
    """A ``Retry-After`` of the server counts up to this many seconds."""
    deadline: float = 600.0
    """Seconds from the first try after which no further one is started."""
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    rng: Callable[[], float] = _random
    """A number in [0, 1)."""

    def delay(self, tries: int, error: WaBucketError) -> float:
        """Seconds to wait after the `tries`-th try failed with `error`."""
        grown: float = min(self.max_delay, self.first_delay * self.factor ** (tries - 1))
        wait: float = grown * (0.5 + 0.5 * self.rng())
        asked = retry_after(error)
        return wait if asked is None else max(wait, min(asked, self.max_retry_after))

    def tries_for(self, error: WaBucketError) -> int:
        """How many tries this kind of failure is worth."""
        return min(self.attempts, self.unreachable_attempts) if is_unreachable(error) else self.attempts


def retry_after(error: WaBucketError) -> float | None:
    """Seconds the server asked to wait, when it did."""
    value = error.retry_after if isinstance(error, TransientError) else None
    return value if value is not None and value >= 0 else None


def is_unreachable(error: WaBucketError) -> bool:
    """Whether the request never left, because no connection could be made."""
    return isinstance(error, TransientError) and error.unreachable


def retry(
    call: Callable[[], T],
    policy: RetryPolicy,
    *,
    what: str,
    may_repeat: Callable[[WaBucketError], bool] = lambda error: error.retryable,
) -> T:
    """Call until it succeeds, `may_repeat` refuses the error, or the policy gives up.

    Raises:
        WaBucketError: the last error; once retried, a copy whose message has the number of tries and the time.
    """
    begun = policy.clock()
    tries = 0
    while True:
        tries += 1
        try:
            return call()
        except WaBucketError as error:
            if not may_repeat(error):
                raise
            delay = policy.delay(tries, error)
            elapsed = policy.clock() - begun
            if tries >= policy.tries_for(error) or elapsed + delay > policy.deadline:
                if tries == 1:
                    raise
                raise _exhausted(error, tries, elapsed) from error
            _log.info("%s failed (try %d), again in %.2f s: %s", what, tries, delay, error)
        policy.sleep(delay)


def _exhausted(error: WaBucketError, tries: int, elapsed: float) -> WaBucketError:
    """The same kind of error, saying what was tried."""
    message = f"{error.message} (gave up after {tries} tries in {elapsed:.1f} s)"
    return type(error)(message, hint=error.hint or "try again later", retryable=error.retryable)
