"""Opaque ids of answers: base64 of ``Kind:pk``, as W&B's own look."""

import base64
import binascii

from wabucketref.errors import NotFound


def encode(kind: str, pk: int) -> str:
    """The id of a row."""
    return base64.b64encode(f"{kind}:{pk}".encode()).decode()


def decode(kind: str, text: str) -> int:
    """The pk behind an id of that kind.

    Raises:
        NotFound: it is none.
    """
    try:
        found, _, pk = base64.b64decode(text, validate=True).decode().partition(":")
        if found == kind and pk.isascii() and pk.isdigit() and len(pk) < 19:
            return int(pk)
    except (binascii.Error, UnicodeDecodeError, ValueError):
        pass
    raise NotFound(f"there is no {kind} with the id {shown(text)}")


def shown(text: str) -> str:
    """An id that a client sent, as it goes into a message."""
    return repr(text[:100])
