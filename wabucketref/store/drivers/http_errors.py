"""What HTTP drivers share in translating failures: dates, delays, the clock."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from wabucketref.errors import TransientError

_TOLERATED_SKEW = 300.0


def header_date(headers: Mapping[str, str], name: str = "date") -> float | None:
    """The date in a header as seconds since the epoch, None when there is none that can be read."""
    text = headers.get(name) or headers.get(name.title())
    if not text:
        return None
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None


def clock_hint(headers: Mapping[str, str], now: float | None = None) -> str | None:
    """What to tell a user whose clock is far from the server's, by the answer's ``Date``."""
    server = header_date(headers)
    if server is None:
        return None
    skew = (datetime.now(UTC).timestamp() if now is None else now) - server
    if abs(skew) < _TOLERATED_SKEW:
        return None
    return f"your clock is {abs(skew) / 60:.0f} min {'ahead of' if skew > 0 else 'behind'} the store's; set it right"


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds asked for by ``Retry-After`` (a number or a date); None when absent, malformed or negative."""
    text = headers.get("retry-after") or headers.get("Retry-After")
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        date = header_date({"date": text})
        if date is None:
            return None
        seconds = date - (datetime.now(UTC).timestamp() if now is None else now)
    return seconds if 0 <= seconds < float("inf") else None


def unreachable(message: str, hint: str, *, retryable: bool = True) -> TransientError:
    """No connection came about."""
    error = TransientError(message, hint=hint, retryable=retryable)
    error.unreachable = True
    return error
