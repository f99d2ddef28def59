"""What an area of the server brings along; see the package's text."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.routing import BaseRoute

if TYPE_CHECKING:
    from sqlalchemy import Connection

Resolver = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes that are in the bucket now."""

    key: str
    size: int
    md5: str
    """Base64, as in ``Content-MD5``."""


Uploaded = Callable[["Connection", str, Stored], Sequence[str] | None]
"""Called in a writing transaction with the link's ``subject``; returns keys that nothing refers to any more, which are
deleted once the transaction is through. Must be idempotent: a client may send bytes twice."""

RunDeleted = Callable[["Connection", int, bool], Sequence[str]]
"""Called in the transaction that deletes a run, with its pk and whether its artifacts shall go too: removes what the
area keeps of it. Returns keys as above."""


@dataclass(frozen=True, slots=True)
class Area:
    """One area; `name` is also that of its SDL file."""

    name: str
    resolvers: Mapping[str, Mapping[str, Resolver]]
    routes: Sequence[BaseRoute] = ()
    uploaded: Mapping[str, Uploaded] = field(default_factory=dict)
    run_deleted: RunDeleted | None = None
