"""The commands, one module each, loaded by name (see ``cli/root.py``)."""
