"""What the entry point gives: options, and the opening of a bucket. The SDK is loaded when it is first used."""

from collections.abc import Mapping

from pydantic import BaseModel, Field

from wabucketref.errors import UsageError
from wabucketref.plugin import API_VERSION, Storage, check_prefix


class ApoloOptions(BaseModel):
    """Where the bucket is; what is not given is taken from the configuration of `apolo`."""

    cluster: str | None = Field(default=None, description="Cluster of the bucket.  [default: that of `apolo config`]")
    org: str | None = Field(default=None, description="Organization of the bucket.  [default: that of `apolo config`]")
    project: str | None = Field(default=None, description="Project of the bucket.  [default: that of `apolo config`]")


class ApoloPlugin:
    """Implements StorageFactory and Configurable. What a bucket can do depends on its provider."""

    api_version = API_VERSION
    Options = ApoloOptions

    def __init__(self, options: ApoloOptions | None = None) -> None:
        self._options = options or ApoloOptions()

    def configured(self, options: ApoloOptions) -> "ApoloPlugin":
        return ApoloPlugin(options)

    def open(self, url: str, environ: Mapping[str, str]) -> Storage:
        from wabucketref_apolo.platform import Platform
        from wabucketref_apolo.storage import ApoloStorage

        scheme, _, rest = url.partition(":")
        name, _, path = rest.partition("/")
        if scheme != "bucket" or not name:
            raise UsageError(f"malformed bucket URL {url!r}", hint="write it as bucket:NAME or bucket:NAME/PATH")
        if path:
            check_prefix(f"{path}/")
        return ApoloStorage(url, path, Platform(name, self._options), environ)


PLUGIN = ApoloPlugin()
