"""What botocore, aiobotocore and aiohttp raise when no answer of the store can be read → our kinds."""

from wabucketref.errors import NotAuthorised, SettingsError, UsageError, WaBucketError
from wabucketref.store.drivers.http_errors import connection_hint, proxy_login, unanswered, unreachable
from wabucketref.store.drivers.pace import Stalled
from wabucketref.store.drivers.s3_request import AGAIN, S3Request

KEYS = "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN"
_PROVIDERS = (
    "asked: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the profile in ~/.aws (AWS_PROFILE), container and instance "
    "roles; set one of them, or AWS_SKIP_SIGNATURE=true for a public bucket"
)
_TLS = "check that the endpoint speaks TLS (https) and that its certificate is trusted (AWS_CA_BUNDLE)"
_ENDPOINT = "AWS_ENDPOINT_URL"


def failure(error: Exception, request: S3Request, endpoint: str) -> WaBucketError:
    """Our kind for an exception that carries no answer of the store."""
    from botocore import exceptions as boto

    message = f"{request.what}: {first_line(error)}"
    configured = _configured(error, message)
    if configured is not None:
        return configured
    if isinstance(error, Stalled | boto.ReadTimeoutError):
        # Somebody took the connection, so it may be busy; which is no reason to give up early.
        return request.failed(message)
    if isinstance(error, boto.SSLError):
        return unreachable(message, _TLS, retryable=False)
    if isinstance(error, boto.ProxyConnectionError) and getattr(error.kwargs.get("error"), "status", None) == 407:
        return proxy_login(request.what, endpoint)
    if isinstance(error, boto.ConnectTimeoutError | boto.ProxyConnectionError) or _never_left(error):
        return unreachable(message, connection_hint(endpoint, _ENDPOINT))
    return unanswered(message, AGAIN, endpoint, writing=request.writing)


def _never_left(error: Exception) -> bool:
    """Whether no connection came about. aiobotocore says "could not connect" of connections that broke, too."""
    import aiohttp
    from botocore.exceptions import EndpointConnectionError

    cause = error.kwargs.get("error") if isinstance(error, EndpointConnectionError) else None
    return isinstance(cause, aiohttp.ClientConnectorError)


def _configured(error: Exception, message: str) -> WaBucketError | None:
    """Credentials and settings of the AWS tools that cannot be used."""
    from botocore import exceptions as boto

    table: tuple[tuple[tuple[type[Exception], ...], type[WaBucketError], str], ...] = (
        ((boto.NoCredentialsError,), NotAuthorised, _PROVIDERS),
        ((boto.PartialCredentialsError,), NotAuthorised, KEYS),
        ((boto.ProfileNotFound, boto.ConfigNotFound, boto.ConfigParseError), SettingsError, "check ~/.aws/config"),
        ((boto.NoRegionError, boto.InvalidRegionError), SettingsError, "set AWS_REGION"),
        ((boto.InvalidProxiesConfigError,), SettingsError, "check HTTP_PROXY and HTTPS_PROXY"),
        ((boto.CredentialRetrievalError, boto.SSOError, boto.MetadataRetrievalError), NotAuthorised, _PROVIDERS),
        ((boto.ParamValidationError,), UsageError, "check the names"),
        ((ValueError,), SettingsError, f"check the endpoint URL ({_ENDPOINT})"),
    )
    for types, kind, hint in table:
        if isinstance(error, types):
            return kind(message, hint=hint)
    return None


def first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0] or type(error).__name__
