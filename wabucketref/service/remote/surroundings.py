"""Which variables of a client's environment a background service acts with, and which it must share with it."""

from collections.abc import Mapping
from typing import Final

from wabucketref.errors import UsageError

FORWARDED: Final = frozenset(
    {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_PROFILE",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "AWS_SKIP_SIGNATURE",
        "AZURE_STORAGE_ACCOUNT",
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_ACCOUNT_NAME",
        "AZURE_STORAGE_CONNECTION_STRING",
        "AZURE_STORAGE_KEY",
        "AZURE_STORAGE_SAS_TOKEN",
        "GOOGLE_CLOUD_PROJECT",
        "STORAGE_EMULATOR_HOST",
    }
)
"""Variables that drivers are given: the service acts with those of its client."""
SECRET: Final = (
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_CONNECTION_STRING",
    "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
)
"""Of those, what must never be shown."""
AMBIENT: Final = frozenset(
    {
        "ALL_PROXY",
        "AWS_CA_BUNDLE",
        "AWS_CONFIG_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_ROLE_ARN",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AZURE_AUTHORITY_HOST",
        "AZURE_CLIENT_ID",
        "AZURE_CLIENT_SECRET",
        "AZURE_CONFIG_DIR",
        "AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_TENANT_ID",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
    }
)
"""Variables that libraries read from their own process: where these differ, the service would act as somebody else."""


class OtherSurroundings(UsageError):
    """The service's own environment would make it act as somebody else."""

    kind = "surroundings"


def taken_along(environ: Mapping[str, str]) -> dict[str, str]:
    """What a client tells of its environment. Holds secrets; kept in memory only."""
    names = FORWARDED | AMBIENT | {name.lower() for name in AMBIENT if name.endswith("_PROXY")}
    return {name: environ[name] for name in sorted(names) if environ.get(name)}


def check_surroundings(environ: Mapping[str, str], own: Mapping[str, str]) -> None:
    """Compare a client's variables with the service's.

    Raises:
        OtherSurroundings: they differ where libraries look by themselves.
    """
    differing = sorted(name for name in AMBIENT if _either(environ, name) != _either(own, name))
    if differing:
        raise OtherSurroundings(
            f"the service was started with another {', '.join(differing)}",
            hint="start it again in this environment: `wabucket service stop`, then `wabucket service start`",
        )


def _either(environ: Mapping[str, str], name: str) -> str:
    """Proxies are named in either case."""
    return environ.get(name) or environ.get(name.lower()) or ""
