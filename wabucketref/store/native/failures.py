"""What sockets and TLS raise → our kinds."""

import errno
import ssl
from dataclasses import dataclass
from typing import Protocol

from wabucketref.errors import LocalIOError, SettingsError, TransientError, WaBucketError
from wabucketref.store.drivers.http_errors import connection_hint, proxy_login, unanswered, unreachable
from wabucketref.store.drivers.pace import Stalled
from wabucketref.store.drivers.s3_request import AGAIN
from wabucketref.store.native.heads import NotHttp

ERRORS = (OSError, Stalled, NotHttp)
"""What connections raise when something is wrong with them."""


class Asked(Protocol):
    """A request, as messages need it."""

    @property
    def what(self) -> str: ...

    @property
    def writing(self) -> bool: ...

    def failed(self, message: str) -> TransientError: ...


class Unreached(ConnectionError):
    """No connection came about. The cause tells why."""


class ProxyRefused(Unreached):
    """The proxy answered that it does not connect, with this status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Failures:
    """Translates for one server. `setting`: the variable that may name it. `trust`: what to look at when TLS fails."""

    url: str
    setting: str
    trust: str

    def of(self, error: Exception, asked: Asked) -> WaBucketError:
        """Our kind for one of `ERRORS`."""
        if isinstance(error, WaBucketError):
            return error
        message = f"{asked.what}: {_text(error)}"
        if isinstance(error, Unreached):
            return self._unreached(error, asked.what, message)
        if isinstance(error, Stalled):
            return asked.failed(message)
        return unanswered(message, AGAIN, self.url, writing=asked.writing)

    def malformed(self, error: ValueError, asked: Asked) -> WaBucketError:
        """The URL of the server, or of a proxy, is none."""
        return SettingsError(f"{asked.what}: {error}", hint=f"check the endpoint URL ({self.setting}) and HTTPS_PROXY")

    def _unreached(self, error: Unreached, what: str, message: str) -> WaBucketError:
        cause = error.__cause__
        if isinstance(error, ProxyRefused) and error.status == 407:
            return proxy_login(what, self.url)
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return unreachable(message, self.trust, retryable=False)
        if isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE):
            return LocalIOError(message, hint="raise the limit of open files (ulimit -n)", retryable=True)
        return unreachable(message, connection_hint(self.url, self.setting))


def _text(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0] or type(error).__name__
