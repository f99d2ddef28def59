"""Storages around a storage: the same protocol, one concern each, stacked once in wiring."""
