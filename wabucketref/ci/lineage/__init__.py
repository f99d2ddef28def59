"""Lineage in the languages of other tools."""
