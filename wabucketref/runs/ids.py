"""Ids and names that clients make."""

import secrets
import uuid
from typing import Final

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_ADJECTIVES: Final = ("amber", "brave", "calm", "clear", "early", "fresh", "gentle", "keen", "light", "mellow", "quick")
_NOUNS: Final = ("anchor", "beacon", "canyon", "delta", "ember", "field", "grove", "harbor", "island", "meadow", "tide")


def new_xid() -> str:
    """Identity of one operation: 32 hex digits."""
    return uuid.uuid4().hex


def new_run_id() -> str:
    """Eight characters of a-z and 0-9, as W&B's."""
    return "".join(secrets.choice(_LETTERS) for _ in range(8))


def new_run_name(run_id: str) -> str:
    """Two words and a part of the id, easy to say and to tell apart."""
    return f"{secrets.choice(_ADJECTIVES)}-{secrets.choice(_NOUNS)}-{run_id[:4]}"
