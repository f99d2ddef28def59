"""botocore and aiohttp exceptions → our kinds, by tables."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
from wabucketref.store.drivers.http_errors import clock_hint, retry_after, unreachable

_PROVIDERS = (
    "asked: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the profile in ~/.aws (AWS_PROFILE), container and instance "
    "roles; set one of them"
)
_AGAIN = "run the same command again; what is stored already is not sent twice"
_KEYS = "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"

_CODES: dict[str, tuple[type[WaBucketError], str]] = {
    "NoSuchBucket": (NotFound, "buckets are not created: make it with your provider's tools, or check its name"),
    "NoSuchKey": (NotFound, "check the name"),
    "NotFound": (NotFound, "check the name"),
    "404": (NotFound, "check the name"),
    "NoSuchVersion": (NotFound, "check the name"),
    "NoSuchUpload": (NotFound, "the multipart upload is over; run the same command again"),
    "AccessDenied": (NotAuthorised, "ask for the permission to do this on the bucket"),
    "Forbidden": (NotAuthorised, "ask for the permission to do this on the bucket"),
    "403": (NotAuthorised, "ask for the permission to do this on the bucket, or check the credentials"),
    "401": (NotAuthorised, _KEYS),
    "AllAccessDisabled": (NotAuthorised, "the account is disabled; ask your provider"),
    "AccountProblem": (NotAuthorised, "there is a problem with the account; ask your provider"),
    "InvalidAccessKeyId": (NotAuthorised, _KEYS),
    "SignatureDoesNotMatch": (NotAuthorised, _KEYS),
    "ExpiredToken": (NotAuthorised, "the session token has expired; get new credentials"),
    "ExpiredTokenException": (NotAuthorised, "the session token has expired; get new credentials"),
    "TokenRefreshRequired": (NotAuthorised, "the session token has expired; get new credentials"),
    "InvalidToken": (NotAuthorised, _KEYS),
    "RequestTimeTooSkewed": (NotAuthorised, "your clock differs too much from the store's; set it right"),
    "RequestExpired": (NotAuthorised, "your clock differs too much from the store's; set it right"),
    "InvalidObjectState": (NotFound, "the object is archived; restore it with your provider's tools first"),
    "PermanentRedirect": (SettingsError, "set AWS_REGION to the bucket's region"),
    "301": (SettingsError, "set AWS_REGION to the bucket's region"),
    "AuthorizationHeaderMalformed": (SettingsError, "set AWS_REGION to the bucket's region"),
    "IllegalLocationConstraintException": (SettingsError, "set AWS_REGION to the bucket's region"),
    "InvalidBucketName": (UsageError, "check the bucket's name"),
    "KeyTooLongError": (UsageError, "shorten the path"),
    "EntityTooLarge": (UsageError, "the store takes no object of this size"),
    "EntityTooSmall": (UsageError, "the store takes no part of this size"),
    "NotImplemented": (Unsupported, "the store cannot do this"),
    "MethodNotAllowed": (Unsupported, "the store cannot do this"),
    "501": (Unsupported, "the store cannot do this"),
}
_AGAIN_CODES = frozenset(
    {
        "SlowDown",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
        "RequestLimitExceeded",
        "RequestThrottled",
        "BandwidthLimitExceeded",
        "RequestTimeout",
        "RequestTimeoutException",
        "BadDigest",
        "XAmzContentSHA256Mismatch",
        "IncompleteBody",
        "OperationAborted",
    }
)
"""The request was certainly not carried out, so it may be sent again."""


@dataclass(frozen=True, slots=True)
class S3Request:
    """What was asked, for messages and for the meaning of an answer."""

    what: str
    writing: bool = False
    if_absent: bool = False
    if_match: bool = False


def translate(error: Exception, request: S3Request) -> WaBucketError:
    """Our kind for an exception of botocore, aiobotocore or aiohttp."""
    from botocore.exceptions import ClientError

    if isinstance(error, WaBucketError):
        return error
    if isinstance(error, ClientError):
        return _answer(error.response, request)
    return _local(error, request)


def _answer(response: Mapping[str, Any], request: S3Request) -> WaBucketError:
    """The store answered with an error."""
    meta = response.get("ResponseMetadata", {})
    headers = {str(name).lower(): str(value) for name, value in meta.get("HTTPHeaders", {}).items()}
    details = response.get("Error", {})
    code, status = str(details.get("Code") or ""), int(meta.get("HTTPStatusCode") or 0)
    message = _message(request.what, code or str(status), str(details.get("Message") or ""), meta)
    conditional = _conditional(code, status, message, request)
    if conditional is not None:
        return conditional
    if code in _AGAIN_CODES or status in (408, 429, 503):
        transient = TransientError(message, hint=_AGAIN)
        transient.retry_after = retry_after(headers)
        return transient
    kind, hint = _CODES.get(code) or _CODES.get(str(status)) or (None, "")
    region = headers.get("x-amz-bucket-region") or details.get("Region")
    if kind is SettingsError or (code == "400" and region):  # to a HEAD the store can say no more
        return SettingsError(message, hint=f"set AWS_REGION={region}" if region else hint)
    if kind is not None:
        return kind(message, hint=(clock_hint(headers) if kind is NotAuthorised else None) or hint)
    if status >= 500 or status < 400:
        return _unanswered(message, request)
    return UsageError(message, hint="the store refused the request; see its code")


def _conditional(code: str, status: int, message: str, request: S3Request) -> WaBucketError | None:
    """What an answer means to a request with a condition."""
    if not (request.if_absent or request.if_match):
        return None
    if code == "PreconditionFailed" or status == 412:
        if request.if_absent:
            return AlreadyExists(message, hint="choose another name or remove it")
        return PreconditionFailed(message, hint="another writer changed it; look at it again")
    if request.if_match and (code == "NoSuchKey" or status == 404) and code != "NoSuchBucket":
        return PreconditionFailed(message, hint="another writer removed it; look at it again")
    if status == 409:
        # Another write to the key was under way. What came of it, and of ours, only the object itself can tell.
        return OutcomeUnknown(message, hint=_AGAIN)
    return None


def _local(error: Exception, request: S3Request) -> WaBucketError:
    """No answer that could be read."""
    from botocore import exceptions as boto

    message = f"{request.what}: {_first_line(error)}"
    table: tuple[tuple[tuple[type[Exception], ...], type[WaBucketError], str], ...] = (
        ((boto.NoCredentialsError,), NotAuthorised, _PROVIDERS),
        ((boto.PartialCredentialsError,), NotAuthorised, _KEYS),
        ((boto.ProfileNotFound, boto.ConfigNotFound, boto.ConfigParseError), SettingsError, "check ~/.aws/config"),
        ((boto.NoRegionError, boto.InvalidRegionError), SettingsError, "set AWS_REGION"),
        ((boto.InvalidProxiesConfigError,), SettingsError, "check HTTP_PROXY and HTTPS_PROXY"),
        ((boto.CredentialRetrievalError, boto.SSOError, boto.MetadataRetrievalError), NotAuthorised, _PROVIDERS),
        ((boto.ParamValidationError,), UsageError, "check the names"),
        ((ValueError,), SettingsError, "check the endpoint URL (AWS_ENDPOINT_URL)"),
    )
    for types, kind, hint in table:
        if isinstance(error, types):
            return kind(message, hint=hint)
    if isinstance(error, boto.SSLError):
        hint = "check that the endpoint speaks TLS (https) and that its certificate is trusted (AWS_CA_BUNDLE)"
        return unreachable(message, hint, retryable=False)
    if isinstance(error, boto.EndpointConnectionError | boto.ConnectTimeoutError | boto.ProxyConnectionError):
        return unreachable(message, "check the endpoint (AWS_ENDPOINT_URL), the network and proxy variables")
    return _unanswered(message, request)


def _unanswered(message: str, request: S3Request) -> TransientError:
    kind = OutcomeUnknown if request.writing else TransientError
    return kind(message, hint=_AGAIN)


def _message(what: str, code: str, text: str, meta: Mapping[str, Any]) -> str:
    identity = f", request {meta['RequestId']}" if meta.get("RequestId") else ""
    return f"{what}: {code}{f' ({text})' if text and text != code else ''}{identity}"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0] or type(error).__name__
