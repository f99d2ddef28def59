"""The claim: at most one live writer an alias. Specified in ``docs/reference/layout.md``."""
