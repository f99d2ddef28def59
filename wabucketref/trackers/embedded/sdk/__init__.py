"""Artifacts as W&B's SDK sees them: what it keeps beyond the versions and aliases of ``trackers/embedded``."""
