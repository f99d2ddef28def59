"""Opening the tracker that the settings name."""

import logging
from typing import cast

from wabucketref.contracts.factories import TrackerFactory
from wabucketref.contracts.tracker import Tracker
from wabucketref.errors import LocalIOError, TransientError, WaBucketError
from wabucketref.registry import Registry, configured
from wabucketref.settings import Settings

log = logging.getLogger(__name__)


def open_tracker(settings: Settings, registry: Registry, name: str | None = None) -> Tracker:
    """The tracker `name`, by default the settings' own. One that cannot be opened now says so when it is asked.

    Raises:
        UsageError: there is none of this name.
        UpgradeRequired, SettingsError, NotAuthorised: it will not open by trying again.
    """
    chosen, factory = _tracker_factory(settings, registry, name)
    try:
        return factory.open(settings)
    except LocalIOError:
        raise
    except WaBucketError as error:
        if error.exit_code not in (WaBucketError.exit_code, TransientError.exit_code):
            raise
        from wabucketref.trackers.unavailable import UnavailableTracker

        log.warning("the tracker %s cannot be opened: %s", chosen, error)
        return cast(Tracker, UnavailableTracker(chosen, error))


def _tracker_factory(settings: Settings, registry: Registry, name: str | None) -> tuple[str, TrackerFactory]:
    chosen = name or settings.resolved_tracker()
    if chosen == "wandb" and settings.mode == "disabled":
        chosen = "disabled"
    return chosen, cast(TrackerFactory, configured(chosen, registry.get(chosen), settings))


def set_damaged_aside(settings: Settings, registry: Registry, name: str | None = None) -> str | None:
    """Move what the tracker keeps out of the way if it is damaged; where it lies then. Nothing, for a tracker that
    keeps nothing here. Raises as ``MendingFactory.set_damaged_aside``, and UsageError when there is no such tracker."""
    _, factory = _tracker_factory(settings, registry, name)
    mending = getattr(factory, "set_damaged_aside", None)
    return None if mending is None else cast(str | None, mending(settings))
