"""The drivers of s3:// and gs://, for plugins that know where a bucket is and have credentials for it."""

from collections.abc import Mapping
from typing import Any

from wabucketref.contracts.storage import Storage
from wabucketref.store.drivers.gcs import GcsStorage
from wabucketref.store.drivers.gcs_client import GcsClient, emulator_from
from wabucketref.store.drivers.http_session import tell_plain_http
from wabucketref.store.drivers.pace import stall_seconds
from wabucketref.store.drivers.urls import parse_bucket_url
from wabucketref.store.native.factory import S3


def open_s3(url: str, environ: Mapping[str, str]) -> Storage:
    """``s3://BUCKET[/PREFIX]`` with the credentials, region and endpoint in `environ`, by the names of the AWS tools.

    Raises:
        UsageError, SettingsError: as contracts.factories.StorageFactory.
    """
    return S3.open(url, environ)


def open_gs_with_token(url: str, environ: Mapping[str, str], token: str) -> Storage:
    """``gs://BUCKET[/PREFIX]`` with an OAuth access token, which whoever gives it renews.

    Raises:
        UsageError: the URL is malformed.
    """
    address = parse_bucket_url(url, "gs")
    client = _WithToken(emulator_from(environ), environ.get("GOOGLE_CLOUD_PROJECT"), stall_seconds(environ), token)
    tell_plain_http(url, client.emulator)
    return GcsStorage(address, client)


class _WithToken(GcsClient):
    """Signs with a token that it was given, the emulator's requests too."""

    def __init__(self, emulator: str | None, project: str | None, stall: float, token: str) -> None:
        super().__init__(emulator, project or None, stall)
        self._token = token

    def _open(self) -> Any:
        from gcsfs.core import GCSFileSystem
        from google.oauth2.credentials import Credentials

        options: dict[str, Any] = {"endpoint_url": self.emulator} if self.emulator else {}
        return GCSFileSystem(
            token=Credentials(token=self._token),  # type: ignore[no-untyped-call]
            project=self._project or "-",  # buckets are not created; without one it warns
            skip_instance_cache=True,
            use_listings_cache=False,
            session_kwargs={"trust_env": True},
            **options,
        )
