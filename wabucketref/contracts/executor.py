"""The executor contract: where the files of a transfer are carried out (this process, or the workers of a cluster).

A transfer stays in one process: it scans, claims, lists, commits, verifies what came, and records. What moves bytes,
one file at a time, is told as a *piece*: plain data that can be pickled. A piece names the bucket by its URL without
secrets; credentials are not in it: a worker finds its own, by its own environment and settings files. (An executor that
is meant to hand some on does so by wrapping the work that it is given.) Sources and destinations lie on a file system
that all workers share, under the same paths.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from wabucketref.contracts.storage import ObjectInfo
from wabucketref.settings import Settings

P = TypeVar("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class SendPiece:
    """One file to store."""

    bucket: str
    """URL without secrets."""
    artifact: tuple[str, str, str]
    """Type, name and alias."""
    xid: str
    """The operation, whose claim on the alias a worker looks for before it writes."""
    root: str
    """Absolute directory of the source."""
    place: str
    """Of the file below it, free of symbolic links."""
    key: str
    size: int
    mtime_ns: int
    seen: ObjectInfo | None = None
    """What is under the key now, and is to be replaced."""


@dataclass(frozen=True, slots=True)
class FetchPiece:
    """One file to bring."""

    bucket: str
    key: str
    directory: str
    """Absolute directory to write below."""
    path: str
    """Of the file below it."""
    size: int
    digest: str
    """``blake3:<hex>``; empty for an upload of an earlier release, which cannot be verified."""


Piece = SendPiece | FetchPiece


@dataclass(frozen=True, slots=True)
class Done:
    """A piece that was carried out."""

    digest: str
    moved: int
    """Bytes."""
    info: ObjectInfo | None = None
    """Of the object that was stored."""


@dataclass(frozen=True, slots=True)
class ExecutorCapabilities:
    """What varies between executors. Each is tested both ways by the conformance kit."""

    remote: bool = False
    """Pieces are carried out in other processes."""
    survives_lost_workers: bool = False
    """A piece whose worker dies is carried out again elsewhere; without it, that is a ``TransientError``."""


class Executor(Protocol):
    """Carries out pieces. Safe to call from many threads, each of which waits for a piece of its own."""

    @property
    def capabilities(self) -> ExecutorCapabilities: ...

    def run(self, work: Callable[[P], R], piece: P, check: Callable[[], None]) -> R:
        """``work(piece)``, wherever it is carried out; `work` is a function of a module that workers have.

        While it waits it calls `check` at least once a second; what that raises gives the piece up and comes through.
        What `work` raises comes through with its type. A piece may be carried out more than once, or still be under way
        on a worker that was given up: `work` is made for that.

        Raises:
            TransientError: the workers were lost, or cannot be reached.
        """

    def close(self) -> None:
        """Idempotent; what still runs is given up."""


class ExecutorFactory(Protocol):
    """Registered under entry-point group ``wabucketref.executor`` by the executor's name."""

    api_version: int
    capabilities: ExecutorCapabilities

    def open(self, settings: Settings) -> Executor:
        """The executor, ready to use.

        Raises:
            UsageError: its workers lack this release of wabucketref, or the plugin.
            TransientError: they cannot be reached now.
        """
