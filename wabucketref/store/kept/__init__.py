"""Artifacts that other programs logged to the tracker: their files are kept by it, or lie wherever they refer to."""
