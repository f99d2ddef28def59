"""Which plane carries a bucket: the native one where it can, else that of fsspec; or the one that the user wants.

What speaks to one kind of store is loaded with the first bucket there.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wabucketref.contracts.factories import API_VERSION, StorageFactory
from wabucketref.contracts.storage import Capabilities, Storage
from wabucketref.errors import SettingsError
from wabucketref.store.drivers.http_session import tell_plain_http
from wabucketref.store.drivers.pace import stall_seconds
from wabucketref.store.drivers.urls import BucketUrl, parse_bucket_url, public
from wabucketref.store.native.http import Unfit

if TYPE_CHECKING:
    from wabucketref.store.native.gcs_storage import NativeGcsStorage
    from wabucketref.store.native.s3_storage import NativeS3Storage

PLANE: Final = "WABUCKET_DATA_PLANE"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Planes:
    """A storage factory over two. ``WABUCKET_DATA_PLANE`` is ``auto`` (as when unset), ``native`` or ``fsspec``."""

    native: Callable[[str, Mapping[str, str]], Storage]
    """Raises Unfit when it cannot be configured."""
    load: Callable[[], StorageFactory]
    """That of fsspec."""
    able: Callable[[], Capabilities]
    api_version: int = API_VERSION

    @property
    def fsspec(self) -> StorageFactory:
        return self.load()

    @property
    def capabilities(self) -> Capabilities:
        """Those of the native plane."""
        return self.able()

    def open(self, url: str, environ: Mapping[str, str]) -> Storage:
        """Implements StorageFactory."""
        return by_plane(url, environ, lambda: self.native(url, environ), lambda: self.fsspec.open(url, environ))


def by_plane(
    url: str,
    environ: Mapping[str, str],
    native: Callable[[], Storage],
    other: Callable[[], Storage],
    carrier: str = "fsspec",
) -> Storage:
    """The bucket at `url`, opened by `native`; by `other` where that raises Unfit, or as ``WABUCKET_DATA_PLANE`` wants.

    `carrier` names the other in the log. Nothing of `other` need be loaded before it is called.

    Raises:
        SettingsError: the native plane is wanted, and raises Unfit.
    """
    plane = environ.get(PLANE) or "auto"
    if plane == "fsspec":
        return other()
    try:
        return native()
    except Unfit as why:
        if plane == "native":
            raise SettingsError(
                f"the native data plane cannot carry {public(url)}: it has no {why}", hint=f"unset {PLANE}"
            ) from why
        _log.info("%s is carried by %s, since the native data plane has no %s", public(url), carrier, why)
    return other()


def open_s3(url: str, environ: Mapping[str, str]) -> "NativeS3Storage":
    """``s3://BUCKET[/PREFIX]`` with the AWS tools' credentials, region and ``AWS_ENDPOINT_URL[_S3]``.

    Raises:
        Unfit: the other plane is needed.
    """
    from wabucketref.store.native.s3_many import ManyS3
    from wabucketref.store.native.s3_storage import NativeS3Storage

    address = parse_bucket_url(url, "s3")
    client = ManyS3(address, environ, stall_seconds(environ))
    client.look_ahead()
    tell_plain_http(str(address), client.endpoint)
    return NativeS3Storage(address, client)


def open_gs(url: str, environ: Mapping[str, str]) -> "NativeGcsStorage":
    """``gs://BUCKET[/PREFIX]`` with Google's default credentials, or anonymously ``STORAGE_EMULATOR_HOST``.

    Raises:
        Unfit: the other plane is needed.
    """
    from wabucketref.store.drivers.gcs_client import emulator_from
    from wabucketref.store.native.gcs import NativeGcs
    from wabucketref.store.native.gcs_storage import NativeGcsStorage

    address = parse_bucket_url(url, "gs", "gcs")
    client = NativeGcs(emulator_from(environ), stall=stall_seconds(environ))
    client.look_ahead()
    tell_plain_http(url, client.emulator)
    return NativeGcsStorage(BucketUrl("gs", address.bucket, address.prefix), client)


def _fsspec_s3() -> StorageFactory:
    from wabucketref.store.drivers.s3 import FACTORY

    return FACTORY


def _fsspec_gs() -> StorageFactory:
    from wabucketref.store.drivers.gcs import FACTORY

    return FACTORY


def _native_s3() -> Capabilities:
    from wabucketref.store.native.s3_storage import NATIVE

    return NATIVE


def _native_gs() -> Capabilities:
    from wabucketref.store.native.gcs_storage import NATIVE

    return NATIVE


GS = Planes(open_gs, _fsspec_gs, _native_gs)
S3 = Planes(open_s3, _fsspec_s3, _native_s3)
