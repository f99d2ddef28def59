"""Opens the embedded tracker."""

import logging

from wabucketref.contracts.factories import API_VERSION
from wabucketref.contracts.tracker import Tracker, TrackerCapabilities
from wabucketref.model.redact import redact
from wabucketref.settings import Settings

log = logging.getLogger(__name__)


class EmbeddedFactory:
    """Implements contracts.factories.TrackerFactory."""

    api_version = API_VERSION
    capabilities = TrackerCapabilities(rebuilds=True, relocates=True, keeps_files=True, stores_bytes=True)

    def open(self, settings: Settings) -> Tracker:
        from wabucketref.trackers.embedded.tracker import EmbeddedTracker

        def files() -> str:
            from wabucketref.trackers.embedded.kept import files_url

            return files_url(settings.home)

        used_before = (settings.home_ready() / "id").exists()
        tracker = EmbeddedTracker(settings.catalog_url, files=files)
        if tracker.made_anew and used_before:
            is_file = settings.catalog_url.startswith("sqlite")
            what = "was gone and has been made anew, empty" if is_file else "is new: it has nothing of this home yet"
            log.warning("the catalog %s %s", redact(settings.catalog_url), what)
        return tracker

    def set_damaged_aside(self, settings: Settings) -> str | None:
        """Implements contracts.factories.MendingFactory."""
        from wabucketref.trackers.embedded.aside import set_damaged_aside

        settings.home_ready()
        return set_damaged_aside(settings.catalog_url)


FACTORY = EmbeddedFactory()
