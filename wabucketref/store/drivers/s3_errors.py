"""What S3 answers when it refuses → our kinds, by tables."""

from collections.abc import Mapping
from typing import Any

from wabucketref.errors import (
    AlreadyExists,
    Archived,
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
from wabucketref.store.drivers.http_errors import clock_hint, proxy_login, retry_after, tls_hint, unreachable
from wabucketref.store.drivers.s3_failures import KEYS, failure
from wabucketref.store.drivers.s3_request import AGAIN, S3Request

_AWS = "https://s3.amazonaws.com"

_CODES: dict[str, tuple[type[WaBucketError], str]] = {
    "NoSuchBucket": (NotFound, "buckets are not created: make it with your provider's tools, or check its name"),
    "NoSuchKey": (NotFound, "check the name"),
    "NotFound": (NotFound, "check the name"),
    "404": (NotFound, "check the name"),
    "NoSuchVersion": (NotFound, "check the name"),
    "KMS.DisabledException": (NotAuthorised, "the bucket's KMS key is disabled; ask its owner"),
    "KMS.NotFoundException": (NotAuthorised, "the bucket's KMS key is gone; ask its owner"),
    "KMS.KMSInvalidStateException": (NotAuthorised, "the bucket's KMS key cannot be used now; ask its owner"),
    "InvalidRequestPayer": (NotAuthorised, "the bucket makes requesters pay, which is not supported"),
    "NoSuchUpload": (NotFound, "the multipart upload is over; run the same command again"),
    "AccessDenied": (NotAuthorised, "ask for the permission to do this on the bucket"),
    "Forbidden": (NotAuthorised, "ask for the permission to do this on the bucket"),
    "403": (NotAuthorised, "ask for the permission to do this on the bucket, or check the credentials"),
    "401": (NotAuthorised, KEYS),
    "AllAccessDisabled": (NotAuthorised, "the account is disabled; ask your provider"),
    "AccountProblem": (NotAuthorised, "there is a problem with the account; ask your provider"),
    "InvalidAccessKeyId": (NotAuthorised, KEYS),
    "SignatureDoesNotMatch": (NotAuthorised, KEYS),
    "ExpiredToken": (NotAuthorised, "the session token has expired; get new credentials"),
    "ExpiredTokenException": (NotAuthorised, "the session token has expired; get new credentials"),
    "TokenRefreshRequired": (NotAuthorised, "the session token has expired; get new credentials"),
    "InvalidToken": (NotAuthorised, KEYS),
    "RequestTimeTooSkewed": (NotAuthorised, "your clock differs too much from the store's; set it right"),
    "RequestExpired": (NotAuthorised, "your clock differs too much from the store's; set it right"),
    "InvalidObjectState": (Archived, "the object is archived; restore it with your provider's tools first"),
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
        "InvalidDigest",
        "XAmzContentChecksumMismatch",
        "XAmzContentSHA256Mismatch",
        "IncompleteBody",
        "OperationAborted",
    }
)
"""The request was certainly not carried out, so it may be sent again."""
_EXPIRED = frozenset(code for code in _CODES if code.startswith(("Expired", "TokenRefresh")))
_DAMAGED = frozenset({"BadDigest", "InvalidDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch"})
_THROTTLED = frozenset(code for code in _AGAIN_CODES if "Thrott" in code or "Slow" in code or "Too" in code)


def translate(error: Exception, request: S3Request, endpoint: str | None = None) -> WaBucketError:
    """Our kind for an exception of botocore, aiobotocore or aiohttp; `endpoint` is the server's URL, None for AWS."""
    from botocore.exceptions import ClientError

    if isinstance(error, WaBucketError):
        return error
    if isinstance(error, ClientError):
        return answered(error.response, request, endpoint)
    return failure(error, request, endpoint or _AWS)


def answered(response: Mapping[str, Any], request: S3Request, endpoint: str | None = None) -> WaBucketError:
    """Our kind for an error that the store answered, in the shape that the AWS library gives it."""
    endpoint = endpoint or _AWS
    meta = response.get("ResponseMetadata", {})
    headers = {str(name).lower(): str(value) for name, value in meta.get("HTTPHeaders", {}).items()}
    details = response.get("Error", {})
    code, status = str(details.get("Code") or ""), int(meta.get("HTTPStatusCode") or 0)
    message = _message(request.what, code or str(status), str(details.get("Message") or ""), meta)
    if status == 407:
        return proxy_login(request.what, endpoint)
    conditional = _conditional(code, status, message, request)
    if conditional is not None:
        return conditional
    if code in _AGAIN_CODES or status in (408, 429, 503):
        transient = TransientError(message, hint=AGAIN)
        transient.retry_after = retry_after(headers)
        transient.damaged = code in _DAMAGED
        transient.throttled = code in _THROTTLED or status in (429, 503)
        return transient
    kind, hint = _CODES.get(code) or _CODES.get(str(status)) or (None, "")
    region = headers.get("x-amz-bucket-region") or details.get("Region")
    if code == "301" and not region:
        return request.failed(message)  # of a portal or proxy: a store says where the bucket is
    if kind is SettingsError or (code == "400" and region):  # to a HEAD the store can say no more
        return SettingsError(message, hint=f"set AWS_REGION={region}" if region else hint)
    if kind is NotAuthorised:
        refused = NotAuthorised(message, hint=clock_hint(headers) or hint)
        refused.expired = code in _EXPIRED
        return refused
    if kind is not None:
        return kind(message, hint=hint)
    if code in ("", "400") and status == 400:
        hint = f"check the endpoint (AWS_ENDPOINT_URL){tls_hint(endpoint)}"
        return unreachable(f"{message}: that is not an S3 store's answer", hint, retryable=False)
    if status >= 500 or status < 400:
        return request.failed(message)
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
        return OutcomeUnknown(message, hint=AGAIN)
    return None


def _message(what: str, code: str, text: str, meta: Mapping[str, Any]) -> str:
    identity = f", request {meta['RequestId']}" if meta.get("RequestId") else ""
    return f"{what}: {code}{f' ({text})' if text and text != code else ''}{identity}"
