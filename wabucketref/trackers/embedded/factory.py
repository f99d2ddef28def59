"""Opens the embedded tracker."""

from wabucketref.contracts.factories import API_VERSION
from wabucketref.contracts.tracker import Tracker
from wabucketref.settings import Settings


class EmbeddedFactory:
    """Implements contracts.factories.TrackerFactory."""

    api_version = API_VERSION

    def open(self, settings: Settings) -> Tracker:
        from wabucketref.trackers.embedded.tracker import EmbeddedTracker

        settings.home_ready()
        return EmbeddedTracker(settings.catalog_url)


FACTORY = EmbeddedFactory()
