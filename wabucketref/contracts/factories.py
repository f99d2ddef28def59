"""What a plugin of each kind registers: an object with ``api_version`` and a way to make the thing."""

from collections.abc import Mapping
from typing import Protocol

from wabucketref.contracts.storage import Storage
from wabucketref.contracts.tracker import Tracker
from wabucketref.settings import Settings

API_VERSION = 1


class StorageFactory(Protocol):
    """Registered under entry-point group ``wabucketref.storage``, one entry a scheme (``s3``, ``gs``, ``bucket`` …)."""

    api_version: int

    def open(self, url: str, environ: Mapping[str, str]) -> Storage:
        """The bucket behind `url`. Cheap: nothing is asked of the store yet.

        `environ` is the process's, in which ``WABUCKET_STALL_TIMEOUT`` is always set: the seconds without progress
        after which a request is to fail with ``TransientError`` (``OutcomeUnknown``, if it writes).

        Raises:
            UsageError: the URL is malformed.
            SettingsError: credentials or options in the environment or in files are malformed.
        """


class TrackerFactory(Protocol):
    """Registered under entry-point group ``wabucketref.tracker`` by the tracker's name."""

    api_version: int

    def open(self, settings: Settings) -> Tracker:
        """The tracker, ready to use.

        Raises:
            WaBucketError: it cannot be opened; ``TransientError`` when it may work later.
        """
