"""Answers and exceptions of Google Cloud Storage → our kinds, by tables."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from wabucketref.errors import (
    AlreadyExists,
    NotAuthorised,
    NotFound,
    OutcomeUnknown,
    PreconditionFailed,
    SettingsError,
    TransientError,
    Unsupported,
    UsageError,
    WaBucketError,
)
from wabucketref.store.drivers.http_errors import (
    clock_hint,
    connection_hint,
    proxy_login,
    retry_after,
    tls_hint,
    unanswered,
    unreachable,
)
from wabucketref.store.drivers.pace import Stalled

_AGAIN = "run the same command again; what is stored already is not sent twice"
_LOGIN = "log in with 'gcloud auth application-default login', or check GOOGLE_APPLICATION_CREDENTIALS"
_PROVIDERS = (
    "asked: GOOGLE_APPLICATION_CREDENTIALS, gcloud's application-default login, the metadata server; set up one of them"
)
_GOOGLE = "https://storage.googleapis.com"
_NO_BUCKET = "buckets are not created: make it with your provider's tools, or check its name"

_STATUS: dict[int, tuple[type[WaBucketError], str]] = {
    400: (UsageError, "the store refused the request; see its message"),
    401: (NotAuthorised, _LOGIN),
    403: (NotAuthorised, "ask for the permission to do this on the bucket"),
    404: (NotFound, "check the name"),
    405: (Unsupported, "the store cannot do this"),
    410: (TransientError, _AGAIN),
    411: (UsageError, "the store refused the request; see its message"),
    413: (UsageError, "the store takes no object of this size"),
    501: (Unsupported, "the store cannot do this"),
}
_NOT_CARRIED_OUT = frozenset({408, 429, 503})


@dataclass(frozen=True, slots=True)
class GcsRequest:
    """What was asked, for messages and for the meaning of an answer."""

    what: str
    writing: bool = False
    if_absent: bool = False
    if_match: bool = False
    of_bucket: bool = False
    """The path names the bucket only, so 404 means that there is no such bucket."""

    def failed(self, message: str) -> TransientError:
        """The error of a request that may or may not have been carried out."""
        return (OutcomeUnknown if self.writing else TransientError)(message, hint=_AGAIN)


def answered(
    status: int, headers: Mapping[str, str], body: bytes, request: GcsRequest, endpoint: str = _GOOGLE
) -> WaBucketError:
    """Our kind for an answer with an error status."""
    if status == 407:
        return proxy_login(request.what, endpoint)
    text = _text(body)
    identity = headers.get("x-guploader-uploadid") or headers.get("X-GUploader-UploadID") or ""
    message = f"{request.what}: {status}{f' ({text})' if text else ''}"
    message += f", request {identity[:24]}" if identity else ""
    if status == 412 or (status == 304 and request.if_match):
        if request.if_match:
            return PreconditionFailed(message, hint="another writer changed it; look at it again")
        return AlreadyExists(message, hint="choose another name or remove it")
    if status == 404 and (request.of_bucket or "bucket" in text.lower()):
        return NotFound(f"{message}: the bucket does not exist", hint=_NO_BUCKET)
    if status == 404 and request.if_match:
        return PreconditionFailed(message, hint="another writer removed it; look at it again")
    if status in _NOT_CARRIED_OUT:
        transient = TransientError(message, hint=_AGAIN)
        transient.retry_after = retry_after(headers)
        transient.throttled = status != 408
        return transient
    if status not in _STATUS:
        return request.failed(message)
    if status == 400 and endpoint != _GOOGLE and not _is_json(body):
        return unreachable(
            f"{message}: that is not Google's", f"check STORAGE_EMULATOR_HOST{tls_hint(endpoint)}", retryable=False
        )
    kind, hint = _STATUS[status]
    if kind is NotAuthorised:
        refused = NotAuthorised(message, hint=clock_hint(headers) or hint)
        refused.expired = status == 401
        return refused
    return kind(message, hint=hint)


def translate(error: Exception, request: GcsRequest, endpoint: str = _GOOGLE) -> WaBucketError:
    """Our kind for an exception of gcsfs, google-auth or aiohttp: no answer of the server at `endpoint`."""
    import aiohttp
    from gcsfs.retry import HttpError, NonRetryableError
    from google.auth.exceptions import GoogleAuthError

    if isinstance(error, WaBucketError):
        return error
    message = f"{request.what}: {_first_line(error)}"
    if isinstance(error, GoogleAuthError | HttpError | NonRetryableError):
        return no_credentials(error, request)
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return unreachable(
            message, "check that the endpoint speaks TLS and its certificate is trusted", retryable=False
        )
    if isinstance(error, Stalled | TimeoutError) and not isinstance(error, aiohttp.ConnectionTimeoutError):
        # Somebody took the connection, so it may be busy; which is no reason to give up early.
        return request.failed(message)
    if isinstance(error, aiohttp.ClientHttpProxyError) and error.status == 407:
        return proxy_login(request.what, endpoint)
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | aiohttp.ClientHttpProxyError):
        return unreachable(message, connection_hint(endpoint, "STORAGE_EMULATOR_HOST"))
    if isinstance(error, aiohttp.InvalidURL | ValueError):
        return SettingsError(message, hint="check STORAGE_EMULATOR_HOST and GOOGLE_APPLICATION_CREDENTIALS")
    return unanswered(message, _AGAIN, endpoint, writing=request.writing)


def no_credentials(error: Exception, request: GcsRequest) -> NotAuthorised:
    """Our kind for what google-auth raises."""
    return NotAuthorised(f"{request.what}: {_first_line(error)}", hint=_PROVIDERS)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0] or type(error).__name__


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body or b"null")
    except ValueError:
        return False
    return True


def _text(body: bytes) -> str:
    """The message in a body, which may be JSON, XML, text or nothing."""
    try:
        error = json.loads(body)["error"]
        return str(error.get("message", "")) if isinstance(error, dict) else str(error)
    except (ValueError, KeyError, TypeError):
        return body[:200].decode(errors="replace").strip()
