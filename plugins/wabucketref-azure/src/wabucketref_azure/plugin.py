"""What the entry point gives: options, and the opening of a bucket; whatever that needs is loaded then."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from wabucketref.plugin import API_VERSION, BucketUrl, Storage, parse_bucket_url, stall_seconds, tell_plain_http
from wabucketref_azure.capabilities import CAPABILITIES

if TYPE_CHECKING:
    from wabucketref_azure.access import Access
    from wabucketref_azure.options import AzureOptions


class AzurePlugin:
    """Implements StorageFactory and Configurable."""

    api_version = API_VERSION
    capabilities = CAPABILITIES
    Options = "wabucketref_azure.options:AzureOptions"

    def __init__(self, options: "AzureOptions | None" = None) -> None:
        self._options = options

    def configured(self, options: "AzureOptions") -> "AzurePlugin":
        return AzurePlugin(options)

    def open(self, url: str, environ: Mapping[str, str]) -> Storage:
        from wabucketref.plugin.http import by_plane
        from wabucketref_azure.access import Access

        address = parse_bucket_url(url, "az")
        access = Access.of(self._options, environ)
        tell_plain_http(str(address), access.endpoint)
        stall = stall_seconds(environ)
        native, other = partial(_native, address, access, stall), partial(_by_sdk, address, access, stall)
        return by_plane(url, environ, native, other, "azure-storage-blob")


def _native(address: BucketUrl, access: "Access", stall: float) -> Storage:
    from wabucketref_azure.many import NativeAzureStorage
    from wabucketref_azure.native import NativeClient

    client = NativeClient(access, stall)
    client.look_ahead()
    return NativeAzureStorage(address, access, client)


def _by_sdk(address: BucketUrl, access: "Access", stall: float) -> Storage:
    from wabucketref_azure.sdk import SdkClient
    from wabucketref_azure.storage import AzureStorage

    return AzureStorage(address, access, SdkClient(access, stall))


PLUGIN = AzurePlugin()
