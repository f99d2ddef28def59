"""Signed statements on where an artifact comes from: in-toto, SLSA provenance, DSSE."""
