"""Sending and fetching by an executor: the thread that has a file waits for the worker that moves it."""

from collections.abc import Callable
from typing import Final

from wabucketref.contracts.executor import Done, Executor, FetchPiece, Piece, SendPiece
from wabucketref.contracts.storage import ObjectInfo
from wabucketref.contracts.transfer import OpenUpload
from wabucketref.errors import IntegrityError, TransientError, UsageError
from wabucketref.model.manifest import Entry
from wabucketref.model.plan import UploadPlan
from wabucketref.store.engine.pool import Crew
from wabucketref.store.receiving.fetch import Origin
from wabucketref.store.receiving.staging import Staging
from wabucketref.store.sending.file import FileSender, Sends, Sent
from wabucketref.store.source.tree import Found

Work = Callable[[Piece], Done]
_NOT_SHARED: Final = "with an executor, sources and destinations lie on a file system that all workers share"


class Spread:
    """An executor, and what it is to do with each piece."""

    def __init__(self, executor: Executor, work: Work) -> None:
        self._executor = executor
        self._work = work

    def run(self, piece: Piece, crew: Crew) -> Done:
        crew.check()
        return self._executor.run(self._work, piece, crew.check)

    def sending(self, plan: UploadPlan, root: str, crew: Crew) -> Callable[[FileSender], Sends]:
        """What sends the files of `plan`, which lie below `root`."""
        return lambda here: SpreadSender(here, self, crew, plan, root)

    def fetching(self, crew: Crew) -> "Callable[[Origin, Staging], SpreadFetcher]":
        """What fetches from an origin into a staging directory."""
        return lambda origin, beside: SpreadFetcher(origin, beside, self, crew)

    def close(self) -> None:
        self._executor.close()


class SpreadSender:
    """Sends files of one source as :class:`FileSender` does; uploads in parts that an earlier try left go on here."""

    def __init__(self, here: FileSender, spread: Spread, crew: Crew, plan: UploadPlan, root: str) -> None:
        self._here = here
        self._spread = spread
        self._crew = crew
        self._plan = plan
        self._root = root

    def send(self, found: Found, key: str, seen: ObjectInfo | None, left: OpenUpload | None) -> Sent:
        if left is not None:
            return self._here.send(found, key, seen, left)
        plan, file = self._plan, (found.place, key, found.size, found.mtime_ns, seen)
        piece = SendPiece(plan.bucket, (plan.type, plan.name, plan.alias), plan.xid, self._root, *file)
        done = self._spread.run(piece, self._crew)
        if done.info is None or (done.info.key, done.info.size) != (key, found.size):
            raise TransientError(f"a worker said of {found.path!r} that it stored something else", hint="upload again")
        self._crew.progress.advance(bytes=found.size)
        return Sent(done.digest, done.info, done.moved)


class SpreadFetcher:
    """Brings files of one artifact into a staging directory, as ``Fetcher`` does."""

    def __init__(self, origin: Origin, beside: Staging, spread: Spread, crew: Crew) -> None:
        self._origin = origin
        self._tree = beside.tree
        self._directory = beside.path
        self._spread = spread
        self._crew = crew

    def fetch(self, entry: Entry) -> None:
        key = self._origin.key_of(entry.path)
        piece = FetchPiece(self._origin.storage.url, key, self._directory, entry.path, entry.size, entry.digest)
        try:
            self._spread.run(piece, self._crew)
        except IntegrityError:
            self._origin.check_unchanged()
            raise
        there = self._tree.look(entry.path)
        if there is None or there.st_size != entry.size:
            raise UsageError(f"{entry.path!r}, which a worker wrote, is not in {self._directory!r}", hint=_NOT_SHARED)
        self._crew.progress.advance(bytes=entry.size)
