"""What the SDK raises → our kinds, once, with what the service said and without secrets."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from azure.core import exceptions

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
from wabucketref.plugin import clock_hint, redact, retry_after, unanswered, unreachable

_AGAIN = "run the same command again; what is stored already is not sent twice"
_NO_BUCKET = frozenset({"ContainerNotFound", "ContainerBeingDeleted", "ContainerDisabled"})
_EXISTS = frozenset({"BlobAlreadyExists", "UnauthorizedBlobOverwrite"})
_OVER = frozenset({"InvalidBlockList", "InvalidBlockId", "InvalidBlobOrBlock"})


class NoContainer(NotFound):
    """The container itself does not exist."""


@dataclass(frozen=True)
class Failures:
    """Translates for one bucket."""

    url: str
    endpoint: str
    secrets: Sequence[str]

    @contextmanager
    def mapped(self, key: str = "", *, writing: bool = False, creating: bool = False) -> Iterator[None]:
        """Translates what the block raises. `creating`: the request had the condition that nothing is there."""
        try:
            yield
        except exceptions.AzureError as error:
            raise self.translate(error, key, writing=writing, creating=creating) from error

    def translate(self, error: exceptions.AzureError, key: str, *, writing: bool, creating: bool) -> WaBucketError:
        what = f"bucket {self.url}" + (f", object {key!r}" if key else "")
        first = (str(error.message).splitlines() or [""])[0] or type(error).__name__
        if isinstance(error, exceptions.HttpResponseError) and error.status_code is not None:
            return self._answered(error, what, writing=writing, creating=creating)
        if isinstance(error, exceptions.ClientAuthenticationError):
            hint = "set AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, or log in by `az login`"
            return NotAuthorised(redact(f"{what}: {first}", self.secrets), hint=hint)
        message = redact(f"{what}: {first}", self.secrets)
        if isinstance(error, exceptions.ServiceRequestError):
            return unreachable(message, f"check the endpoint ({self.endpoint}) and the network")
        if isinstance(error, exceptions.ServiceResponseError | exceptions.IncompleteReadError):
            return unanswered(message, _AGAIN, self.endpoint, writing=writing)
        return (OutcomeUnknown if writing else TransientError)(message, hint=_AGAIN)

    def _answered(
        self, error: exceptions.HttpResponseError, what: str, *, writing: bool, creating: bool
    ) -> WaBucketError:
        status, code = error.status_code or 0, str(getattr(error, "error_code", "") or "")
        headers = dict(error.response.headers) if error.response is not None else {}
        request = headers.get("x-ms-request-id", "")
        message = redact(
            f"{what}: {status} {code or error.reason}" + (f", request {request}" if request else ""), self.secrets
        )
        if status == 404 or code in _NO_BUCKET:
            if code in _NO_BUCKET:
                return NoContainer(
                    f"{message}: there is no such container", hint="buckets are not created: make it first"
                )
            return NotFound(message, hint="check the name")
        if status == 412 or (status == 409 and code in _EXISTS) or status == 304:
            return (AlreadyExists if creating else PreconditionFailed)(message, hint="look at what is there")
        if code in _OVER:
            return NotFound(f"{message}: the upload is over", hint="start it over")
        if status in (401, 403):
            return NotAuthorised(message, hint=clock_hint(headers) or "check the credentials and what they allow")
        if status == 409:
            return Conflict(message, hint="another request or a lease is at it; try again")
        if status in (429, 503):
            busy = TransientError(message, hint=_AGAIN)
            busy.throttled, busy.retry_after = True, retry_after(headers)
            return busy
        if status >= 500 or status == 408:
            return (OutcomeUnknown if writing else TransientError)(message, hint=_AGAIN)
        if status in (301, 302, 307, 308):
            return SettingsError(f"{message}: redirects are not followed", hint=f"check the endpoint {self.endpoint}")
        return UsageError(message, hint="the service does not take this request; run with -v for its words")
