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
    first_delay: float = 0.2
    factor: float = 2.0
    max_delay: float = 20.0
    max_retry_after: float = 60.0
    """A ``Retry-After`` of the server counts up to this many seconds."""
    deadline: float = 600.0
    """Seconds from the first try after which no further one is started."""
    first_contact: float = 5.0
    """The same as long as nobody at all has answered: a wrong address should not be asked for minutes."""
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] | None = None
    """None: really."""
    rng: Callable[[], float] = _random
    """A number in [0, 1)."""

    def delay(self, tries: int, error: WaBucketError) -> float:
        """Seconds to wait after the `tries`-th try failed with `error`."""
        grown: float = min(self.max_delay, self.first_delay * self.factor ** (tries - 1))
        wait: float = grown * (0.5 + 0.5 * self.rng())
        asked = retry_after(error)
        return wait if asked is None else max(wait, min(asked, self.max_retry_after))


def retry_after(error: WaBucketError) -> float | None:
    """Seconds the server asked to wait, when it did."""
    value = error.retry_after if isinstance(error, TransientError) else None
    return value if value is not None and value >= 0 else None


def was_answered(error: WaBucketError) -> bool:
    """Whether somebody answered, if only with an error."""
    return not (isinstance(error, TransientError) and error.unanswered)


def retry(
    call: Callable[[], T],
    policy: RetryPolicy,
    *,
    what: str,
    may_repeat: Callable[[WaBucketError], bool] = lambda error: error.retryable,
    deadline: Callable[[WaBucketError], float] | None = None,
) -> T:
    """Call until it succeeds, `may_repeat` refuses the error, or the policy gives up.

    `deadline`: the seconds that this failure allows in all, by default the policy's.

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
            allowed = policy.deadline if deadline is None else deadline(error)
            if tries >= policy.attempts or elapsed + delay > allowed:
                if tries == 1:
                    raise
                raise _exhausted(error, tries, elapsed) from error
            _log.info("%s failed (try %d), again in %.2f s: %s", what, tries, delay, error)
        (policy.sleep or time.sleep)(delay)


def _exhausted(error: WaBucketError, tries: int, elapsed: float) -> WaBucketError:
    """The same kind of error, saying what was tried."""
    message = f"{error.message} (gave up after {tries} tries in {elapsed:.1f} s)"
    given_up = type(error)(message, hint=error.hint or "try again later", retryable=error.retryable)
    if isinstance(error, TransientError) and isinstance(given_up, TransientError):
        given_up.exhausted = True
        given_up.retry_after = error.retry_after
        given_up.unreachable, given_up.unanswered = error.unreachable, error.unanswered
    return given_up
