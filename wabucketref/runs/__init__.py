"""Runs as users hold them: one recorded operation or session, its config, metrics and summary."""
