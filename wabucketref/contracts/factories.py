"""What a plugin of each kind registers: an object with ``api_version`` and a way to make the thing."""

from collections.abc import Mapping
from typing import Protocol

from wabucketref.contracts.storage import Storage

API_VERSION = 1


class StorageFactory(Protocol):
    """Registered under entry-point group ``wabucketref.storage``, one entry a scheme (``s3``, ``gs``, ``bucket`` …)."""

    api_version: int

    def open(self, url: str, environ: Mapping[str, str]) -> Storage:
        """The bucket behind `url`. Cheap: nothing is asked of the store yet.

        Raises:
            UsageError: the URL is malformed.
            SettingsError: credentials or options in the environment or in files are malformed.
        """
