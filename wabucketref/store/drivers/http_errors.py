"""What HTTP drivers share in translating failures: dates, delays, the clock."""

import calendar
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from wabucketref.errors import NotAuthorised, OutcomeUnknown, TransientError

_TOLERATED_SKEW = 300.0
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"


def http_date(text: str) -> float | None:
    """Seconds since the epoch of a date as headers have it; None for anything else."""
    words = text.split()
    try:
        _, day, month, year, clock, _ = words
        hour, minute, second = clock.split(":")
        return float(calendar.timegm((int(year), _month(month), int(day), int(hour), int(minute), int(second))))
    except ValueError:
        return None


def _month(name: str) -> int:
    return _MONTHS.index(name) // 4 + 1


def header_date(headers: Mapping[str, str], name: str = "date") -> float | None:
    """The date in a header as seconds since the epoch, None when there is none that can be read."""
    text = headers.get(name) or headers.get(name.title())
    if not text:
        return None
    from email.utils import parsedate_to_datetime  # slow to import

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
    error.unreachable = error.unanswered = True
    return error


def unanswered(message: str, hint: str, url: str, *, writing: bool) -> TransientError:
    """The connection to `url` broke before an answer was there."""
    error = (OutcomeUnknown if writing else TransientError)(message, hint=f"{hint}{tls_hint(url)}")
    error.unanswered = True
    return error


def tls_hint(url: str) -> str:
    """What to add to a hint when a server was asked in plain HTTP and does not understand."""
    return "; if it never works: should the address begin with https?" if url.startswith("http:") else ""


def proxy_variable(url: str) -> str | None:
    """The environment variable that sends requests for `url` through a proxy, with its value; None without one."""
    from urllib.request import proxy_bypass  # slow to import

    parts = urlsplit(url)
    if proxy_bypass(parts.netloc):
        return None
    for name in (f"{parts.scheme}_proxy", f"{parts.scheme}_PROXY".upper(), "all_proxy", "ALL_PROXY"):
        if os.environ.get(name):
            return f"{name} ({os.environ[name]})"
    return None


def connection_hint(url: str, endpoint_setting: str) -> str:
    """What to look at when no connection to `url` comes about."""
    variable = proxy_variable(url)
    if variable:
        return f"requests go through the proxy in {variable}: check it, or name the host in NO_PROXY"
    return f"check the endpoint ({endpoint_setting}) and the network"


def proxy_login(what: str, url: str) -> NotAuthorised:
    """The proxy wants to know who asks."""
    return NotAuthorised(
        f"{what}: 407, the proxy demands a login",
        hint=f"put user and password into the URL of the proxy in {proxy_variable(url) or 'HTTPS_PROXY or HTTP_PROXY'}",
    )
