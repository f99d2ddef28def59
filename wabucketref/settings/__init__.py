"""Settings: one typed model, seven sources in a fixed order, and for every value where it came from."""

from wabucketref.settings.load import load_settings
from wabucketref.settings.model import Settings
from wabucketref.settings.origin import Origin, Overridden

__all__ = ["Origin", "Overridden", "Settings", "load_settings"]
