"""What all requests share."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from sqlalchemy import Connection

from wabucketref.contracts.storage import Storage
from wabucketref.errors import WaBucketError
from wabucketref.server.accounts import Accounts
from wabucketref.server.area import RunDeleted
from wabucketref.server.links import Links
from wabucketref.server.uploads import Uploads
from wabucketref.trackers.embedded.engine import Catalog

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one request may ask; sizes in bytes, times in seconds."""

    body: int = 32 << 20
    """Of a GraphQL request."""
    stream: int = 64 << 20
    """Of a file stream request, after decompression."""
    upload: int = 64 << 30
    """Of one file."""
    project: int = 1 << 42
    """Of all files of a project's runs."""
    stall: float = 30.0
    """Without a byte of a body."""
    slowest: int = 1 << 10
    """Bytes a second that a body must come with, after ten times the `stall`."""
    query: int = 64 << 10
    """Characters of a GraphQL document."""
    tokens: int = 4_000
    depth: int = 15
    fields: int = 500
    """Fields of a GraphQL document, fragments spread out. (The SDK's longest has 72, 11 deep.)"""
    repeats: int = 10_000
    """How often names of fields are repeated in a document: the sum of the squares, as validation compares pairs."""
    page: int = 1_000
    """Items of one page."""


@dataclass(frozen=True, slots=True)
class Options:
    """How it was started."""

    hosts: frozenset[str]
    """Names allowed in the header Host, without port."""
    dev_users: bool = False
    """Any key that is a valid entity name is the user of that name."""
    limits: Limits = field(default_factory=Limits)


@dataclass
class Site:
    """The catalog, the bucket for files, accounts, links and options. Thread-safe."""

    catalog: Catalog
    storage: Storage
    accounts: Accounts
    links: Links
    options: Options
    scratch: str | None = None
    """Directory for uploads under way; None: the system's."""
    uploads: Uploads | None = None
    """What our own command line uploaded to other buckets; None: the server reads none but its own."""
    run_deleted: Sequence[RunDeleted] = ()
    """What the areas do when a run is deleted."""
    _turn: Lock = field(default_factory=threading.Lock)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A reading transaction."""
        with self.catalog.read() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A writing transaction, the only one of a server at a time: resolvers look at one thing to change another.

        Threads of this process take turns here instead of polling the database's lock.
        """
        with self._turn, self.catalog.write_in_turn() as connection:
            yield connection

    def discard(self, keys: Sequence[str]) -> None:
        """Delete objects that nothing refers to any more; what cannot be deleted now is left behind, and said."""
        for key in keys:
            try:
                self.storage.delete(key)
            except WaBucketError as error:
                log.warning("the object %s stays in the bucket: %s", key, error)


def loopback_hosts(extra: Sequence[str] = ()) -> frozenset[str]:
    """The names under which a loopback server may be asked, and `extra` ones."""
    return frozenset({"localhost", "127.0.0.1", "[::1]", *(name.lower() for name in extra)})
