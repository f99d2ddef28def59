"""What the service answers → our kinds, with its own words and without secrets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wabucketref.errors import (
    AlreadyExists,
    Conflict,
    NotAuthorised,
    NotFound,
    OutcomeUnknown,
    PreconditionFailed,
    SettingsError,
    TransientError,
    UsageError,
    WaBucketError,
)
from wabucketref.plugin import clock_hint, redact, retry_after

AGAIN = "run the same command again; what is stored already is not sent twice"
_NO_BUCKET = frozenset({"ContainerNotFound", "ContainerBeingDeleted", "ContainerDisabled"})
_EXISTS = frozenset({"BlobAlreadyExists", "UnauthorizedBlobOverwrite"})
_OVER = frozenset({"InvalidBlockList", "InvalidBlockId", "InvalidBlobOrBlock"})
_OF_SOURCES = frozenset({"SourceConditionNotMet", "ConditionNotMet"})
"""Of a copy; a target that is there already is told from it."""
_DAMAGED = frozenset({"Md5Mismatch", "Crc64Mismatch"})


class NoContainer(NotFound):
    """The container itself does not exist."""


@dataclass(frozen=True, slots=True)
class AzureRequest:
    """What was asked, for messages and for the meaning of an answer."""

    what: str
    writing: bool = False
    creating: bool = False
    """It had the condition that nothing is there."""
    copying: bool = False
    """It had a condition on the source of a copy."""

    def failed(self, message: str) -> TransientError:
        """The error of a request that may or may not have been carried out."""
        return (OutcomeUnknown if self.writing else TransientError)(message, hint=AGAIN)


@dataclass(frozen=True, slots=True)
class Failures:
    """Translates for one service."""

    endpoint: str
    secrets: Sequence[str]

    def answered(self, request: AzureRequest, status: int, reason: str, headers: Mapping[str, str]) -> WaBucketError:
        """Our kind for an answer with this status. `headers` by lower-case names."""
        code, identity = headers.get("x-ms-error-code", ""), headers.get("x-ms-request-id", "")
        message = f"{request.what}: {status} {code or reason}" + (f", request {identity}" if identity else "")
        message = redact(message, self.secrets)
        said = self._said(request, status, code, message)
        if said is not None:
            return said
        if status in (401, 403):
            return NotAuthorised(message, hint=clock_hint(headers) or "check the credentials and what they allow")
        if status == 409:
            return Conflict(message, hint="another request or a lease is at it; try again")
        if status in (429, 503):
            busy = TransientError(message, hint=AGAIN)
            busy.throttled, busy.retry_after = True, retry_after(headers)
            return busy
        if status >= 500 or status == 408:
            return request.failed(message)
        if status in (301, 302, 307, 308):
            return SettingsError(f"{message}: redirects are not followed", hint=f"check the endpoint {self.endpoint}")
        return UsageError(message, hint="the service does not take this request; run with -v for its words")

    def _said(self, request: AzureRequest, status: int, code: str, message: str) -> WaBucketError | None:
        """What an answer says of the object or the container."""
        if code in _NO_BUCKET:
            return NoContainer(f"{message}: there is no such container", hint="buckets are not created: make it first")
        if code in _OVER:
            return NotFound(f"{message}: the upload is over", hint="start it over")
        if code in _DAMAGED:
            return TransientError(f"{message}: the bytes were damaged on the way", hint=AGAIN)
        if status == 404:
            return NotFound(message, hint="check the name")
        if status in (304, 412) or (status == 409 and code in _EXISTS):
            exists = request.creating and not (request.copying and code in _OF_SOURCES)
            return (AlreadyExists if exists else PreconditionFailed)(message, hint="look at what is there")
        return None
