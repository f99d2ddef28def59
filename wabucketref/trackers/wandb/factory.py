"""Opens the wandb tracker."""

import os

from wabucketref.contracts.factories import API_VERSION
from wabucketref.contracts.tracker import Tracker
from wabucketref.errors import NotAuthorised
from wabucketref.settings import Settings
from wabucketref.settings.credentials import credentials_source


class WandbFactory:
    """Implements contracts.factories.TrackerFactory."""

    api_version = API_VERSION

    def open(self, settings: Settings) -> Tracker:
        from wabucketref.trackers.wandb.tracker import WandbTracker

        known = settings.api_key is not None or credentials_source(settings.base_url, os.environ) is not None
        if not known and settings.mode != "offline":
            raise NotAuthorised(
                "there is no API key for W&B",
                hint="set WANDB_API_KEY, run `wandb login`, or choose --tracker embedded",
            )
        settings.home_ready()
        return WandbTracker(settings)


FACTORY = WandbFactory()
