"""A tracker that could not be opened: every question gets the reason, so that bytes still reach the bucket."""

from collections.abc import Callable
from typing import Any

from wabucketref.contracts.tracker import TrackerCapabilities
from wabucketref.errors import WaBucketError
from wabucketref.model.run import RunKey


class UnavailableTracker:
    """Implements contracts.tracker.Tracker by raising the error that opening the real one met."""

    def __init__(self, name: str, reason: WaBucketError) -> None:
        self.name = name
        self.capabilities = TrackerCapabilities(rebuilds=True, relocates=True)
        self.reason = reason

    def default_entity(self) -> str | None:
        return None

    def check_artifact(self, key: RunKey, type: str, name: str, alias: str) -> None:
        """Nothing can be checked now; the record waits in the journal."""

    def close(self) -> None:
        """Nothing is open."""

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method.startswith("_"):
            raise AttributeError(method)

        def refuse(*args: object, **kwargs: object) -> Any:
            raise self.reason

        return refuse
