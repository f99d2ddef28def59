"""Buckets of the Apolo platform for WaBucketRef: ``bucket:NAME[/PATH]``."""

from wabucketref_apolo.plugin import PLUGIN, ApoloOptions, ApoloPlugin

__all__ = ["PLUGIN", "ApoloOptions", "ApoloPlugin"]
