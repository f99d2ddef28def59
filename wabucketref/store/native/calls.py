"""A request that stands for itself, and its answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from wabucketref.contracts.storage import Buffer
from wabucketref.store.native.failures import Asked
from wabucketref.store.native.heads import Head
from wabucketref.store.native.wire import Connection

_ERROR: Final = 256 << 10
"""Bytes of the body of a refusal that are read, at most."""
_DOCUMENT: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class Call:
    """A request before it is signed."""

    asked: Asked
    """What is said of it when it fails."""
    method: str
    path: str
    """From the server's root on, encoded."""
    query: str = ""
    """Encoded, without the question mark."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """By lower-case names."""
    body: Buffer = b""
    also: frozenset[int] = frozenset()
    """Statuses that are answers, though none of success."""
    limit: int = _DOCUMENT
    """Bytes of the body of a good answer that are taken, at most; of a longer one none are."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status of success or one of ``Call.also``."""

    asked: Asked
    status: int
    reason: str
    headers: Mapping[str, str]
    """By lower-case names."""
    body: bytes = b""


def read(call: Call, connection: Connection, head: Head) -> Answer:
    """The answer to `call` that begins with `head`. Raises as ``Connection.body``."""
    body = b"" if call.method == "HEAD" else connection.body(head, call.limit if head.status < 300 else _ERROR)
    if call.body and (head.status >= 400 or not is_good(call, head.status)):
        connection.lasting = False  # it need not have heard all, and may take the rest for a request
    return told(call, head, body)


def told(call: Call, head: Head, body: bytes | None) -> Answer:
    """The answer to `call`, of which these came."""
    return Answer(call.asked, head.status, head.reason, head.headers, body or b"")


def is_good(call: Call, status: int) -> bool:
    """Whether `call` takes it for no refusal."""
    return 200 <= status < 300 or status in call.also
