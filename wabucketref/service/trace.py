"""A trace of protocol messages: who handed what to whom. Off unless a sink is given."""

from collections.abc import Callable

Trace = Callable[[str, str, str], None]
"""Called with (from, to, message) at each hand-over, from any thread."""


def no_trace(source: str, target: str, message: str) -> None:
    """Keep nothing."""
