"""What a worker does with a piece. It may have been done before, or be done by another at the same time."""

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from wabucketref.contracts.executor import Done, FetchPiece, Piece, SendPiece
from wabucketref.contracts.progress import SilentProgress
from wabucketref.contracts.storage import Storage
from wabucketref.contracts.transfer import Cancel, NoMemory
from wabucketref.errors import NotFound, SourceChanged
from wabucketref.model.manifest import Entry
from wabucketref.model.reference import ArtifactRef
from wabucketref.retry import RetryPolicy
from wabucketref.store.disk.beneath import DIRECTORY
from wabucketref.store.disk.localio import local
from wabucketref.store.engine.limits import Budget, Buffers, TransferLimits
from wabucketref.store.engine.pool import Crew
from wabucketref.store.format.layout import Layout
from wabucketref.store.receiving.fetch import Fetcher, Origin
from wabucketref.store.receiving.safetree import SafeTree
from wabucketref.store.sending.file import FileSender
from wabucketref.store.sending.guarded import Guarded
from wabucketref.store.source.read import Source
from wabucketref.store.source.tree import Found
from wabucketref.store.spread.claim import LookedUp


@dataclass(frozen=True)
class Hands:
    """What the pieces of one worker share. Thread-safe."""

    open_storage: Callable[[str], Storage]
    limits: TransferLimits
    policy: RetryPolicy
    budget: Budget
    buffers: Buffers

    def carry_out(self, piece: Piece) -> Done:
        """The piece, done.

        Raises:
            NotFound: this machine does not have the directory of the piece.
            SourceChanged: the file is not the one that was found.
            IntegrityError: the bucket does not hold what the manifest says.
            UploadInProgress: the operation has no claim on the alias any more.
        """
        storage = self.open_storage(piece.bucket)
        with Crew(self.limits, self.budget, Cancel(), SilentProgress(), self.policy, self.buffers) as crew:
            return _send(storage, piece, crew) if isinstance(piece, SendPiece) else _fetch(storage, piece, crew)


def _send(storage: Storage, piece: SendPiece, crew: Crew) -> Done:
    _check_here(piece.root)
    found = _found(piece)
    layout = Layout.of(ArtifactRef(*piece.artifact))
    with Source(piece.root) as source:
        guarded = Guarded(storage, LookedUp(storage, layout, piece.xid), crew)
        sent = FileSender(source, guarded, crew, NoMemory()).send(found, piece.key, piece.seen, None)
    return Done(sent.digest, sent.moved, sent.info)


def _found(piece: SendPiece) -> Found:
    """The file as this machine sees it: device and inode may be others here."""
    with local(f"read {piece.place!r}"):
        facts = os.stat(os.path.join(piece.root, piece.place), follow_symlinks=False)
    if (facts.st_size, facts.st_mtime_ns) != (piece.size, piece.mtime_ns):
        raise SourceChanged(
            f"{piece.place!r} was changed after it was found", hint="upload again once nothing writes to the source"
        )
    here = (facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, facts.st_dev)
    return Found(piece.place, piece.place, *here)


def _fetch(storage: Storage, piece: FetchPiece, crew: Crew) -> Done:
    _check_here(piece.directory)
    with local(f"open {piece.directory!r}"):
        descriptor = os.open(piece.directory, DIRECTORY)
    try:
        with closing(SafeTree(descriptor, piece.directory)) as tree:
            origin = Origin(storage, lambda path: piece.key, lambda: None)
            Fetcher(origin, tree, crew).fetch(Entry(piece.path, piece.size, piece.digest))
            _sync(tree, piece.path)
    finally:
        os.close(descriptor)
    return Done(piece.digest, piece.size)


def _sync(tree: SafeTree, path: str) -> None:
    """On the disk before it counts: whoever puts it into place cannot sync what another machine wrote."""
    with local(f"write {path!r}"):
        descriptor = tree.open_read(path)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _check_here(directory: str) -> None:
    if not os.path.isdir(directory):
        raise NotFound(
            f"{directory!r} is not on the worker {os.uname().nodename}",
            hint="with an executor, sources and destinations lie on a file system that all workers share",
        )
