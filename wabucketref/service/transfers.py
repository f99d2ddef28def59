"""The data plane's executor: a few worker threads that carry out plans, one plan each at a time."""

import logging
import threading
from collections.abc import Callable, Hashable
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

from wabucketref.contracts.progress import Progress
from wabucketref.contracts.transfer import Cancel, TransferMemory
from wabucketref.errors import (
    AliasTaken,
    LocalIOError,
    NotDurable,
    NotFound,
    OutOfMemory,
    UpgradeRequired,
    WaBucketError,
)
from wabucketref.model.artifact import LoggedArtifact
from wabucketref.model.manifest import Header
from wabucketref.model.plan import AdoptPlan, Committed, DownloadPlan, Fetched, LinkPlan, UploadPlan
from wabucketref.model.reference import ArtifactRef
from wabucketref.service import convert, failures
from wabucketref.service.fairqueue import FairQueue
from wabucketref.service.memory import FileMemory
from wabucketref.service.succession import Succession
from wabucketref.service.wabucket_pb2 import FailedRecord, Record
from wabucketref.service.work import Plan
from wabucketref.threads import start

log = logging.getLogger(__name__)

_WORKERS: Final = 4


class Plane(Protocol):
    """What the service needs of the data plane (``store.plane.DataPlane``)."""

    def upload(self, plan: UploadPlan, *, progress: Progress, cancel: Cancel, memory: TransferMemory) -> Committed: ...

    def link(self, plan: LinkPlan, *, progress: Progress, cancel: Cancel) -> Committed: ...

    def adopt(self, plan: AdoptPlan, *, progress: Progress, cancel: Cancel) -> Committed: ...

    def download(self, plan: DownloadPlan, *, progress: Progress, cancel: Cancel) -> Fetched: ...

    def give_back(self, bucket: str, ref: ArtifactRef, memory: TransferMemory) -> None: ...

    def was_committed_by(self, bucket: str, ref: ArtifactRef, xid: str) -> Committed | None: ...

    def find(self, bucket: str, ref: ArtifactRef) -> Header | None: ...

    def tidy(self, bucket: str, ref: ArtifactRef, xid: str) -> None: ...

    def write_id(self, bucket: str, ref: ArtifactRef) -> str: ...

    def has_claim(self, bucket: str, ref: ArtifactRef, xid: str) -> bool: ...


class Transfers:
    """Shared by all runs of a service, which take turns; the plans of one wait in order, and of those that write to the
    same alias one ends before the next begins."""

    def __init__(self, plane: Plane, memory_directory: Path) -> None:
        self._plane = plane
        self._memory_directory = memory_directory
        self._queue: FairQueue[Callable[[], None]] = FairQueue()
        self._writes: Succession[Callable[[], None]] = Succession()
        self._lock = threading.Lock()
        self._workers = 0
        self._waiting = 0

    def submit(
        self,
        run: Hashable,
        plan: Plan,
        progress: Progress,
        cancel: Cancel,
        note: Callable[[Record], None],
        known: Callable[[], Record | None] = lambda: None,
    ) -> None:
        """Carry the plan out on a worker when it is the turn of its `run`. `note` gets the record that says how it
        ended, and must not raise. `known` is asked first: what it gives is how it ended before."""
        place = None if isinstance(plan, DownloadPlan) else (run, plan.bucket, plan.ref)

        def action() -> None:
            try:
                note(self._outcome(plan, progress, cancel, known))
            finally:
                if place is not None:
                    self._let_next_go(run, place)

        try:
            with self._lock:
                self._have_worker()
                self._waiting += 1
                if place is None or self._writes.may_go(place, action):
                    self._queue.put(run, action)
        except LocalIOError as error:
            note(Record(failed=FailedRecord(xid=plan.xid, error=failures.to_message(error))))

    def _let_next_go(self, run: Hashable, place: Hashable) -> None:
        with self._lock:
            following = self._writes.ended(place)
        if following is not None:
            self._queue.put(run, following)

    def _have_worker(self) -> None:
        """One more, while there are too few; those that there are when the system refuses."""
        if self._workers >= min(_WORKERS, self._waiting + 1):
            return
        worker = threading.Thread(target=self._work, name=f"transfer-{self._workers + 1}", daemon=True)
        try:
            start(worker)
        except LocalIOError:
            if not self._workers:
                raise
            return
        self._workers += 1

    def _work(self) -> None:
        while not self._leaves():
            while (action := self._queue.take()) is not None:
                try:
                    action()
                except Exception:
                    log.exception("what became of a transfer could not be noted; its journal has the operation")
                finally:
                    with self._lock:
                        self._waiting -= 1

    def _leaves(self) -> bool:
        """Whether a worker ends: the queue is closed, and nothing was put there after it was found empty."""
        with self._lock:
            leaves = self._queue.closed and not self._queue
            self._workers -= leaves
        return leaves

    def _outcome(self, plan: Plan, progress: Progress, cancel: Cancel, known: Callable[[], Record | None]) -> Record:
        try:
            cancel.check()
            return known() or self._carry_out(plan, progress, cancel)
        except WaBucketError as error:
            return Record(failed=FailedRecord(xid=plan.xid, error=failures.to_message(error)))
        except MemoryError:
            return Record(failed=FailedRecord(xid=plan.xid, error=failures.to_message(OutOfMemory())))
        except Exception as error:
            log.debug("transfer %s", plan.xid, exc_info=True)
            wrapped = WaBucketError(f"{type(error).__name__}: {error}", hint="run again with -v and report this")
            return Record(failed=FailedRecord(xid=plan.xid, error=failures.to_message(wrapped)))
        finally:
            progress.finish()

    def _carry_out(self, plan: Plan, progress: Progress, cancel: Cancel) -> Record:
        match plan:
            case UploadPlan():
                return _committed(plan, self._upload(plan, progress, cancel))
            case LinkPlan():
                return _committed(plan, self._plane.link(plan, progress=progress, cancel=cancel))
            case AdoptPlan():
                return _committed(plan, self._plane.adopt(plan, progress=progress, cancel=cancel))
            case DownloadPlan():
                fetched = self._plane.download(plan, progress=progress, cancel=cancel)
                return Record(fetched=convert.fetched_to_record(plan, fetched))

    def _upload(self, plan: UploadPlan, progress: Progress, cancel: Cancel) -> Committed:
        memory = FileMemory(self._memory_directory, plan.bucket, plan.ref.directory)
        try:
            committed = self._plane.upload(plan, progress=progress, cancel=cancel, memory=memory)
        except WaBucketError as error:
            if isinstance(error, NotFound | AliasTaken | NotDurable):
                memory.forget()
            else:
                memory.close()
            raise
        memory.forget()
        return committed

    def _give_up(self, plan: UploadPlan | LinkPlan | AdoptPlan) -> None:
        """Nobody will go on with what earlier tries of `plan` left: give it back and forget it."""
        memory = FileMemory(self._memory_directory, plan.bucket, plan.ref.directory)
        self._plane.give_back(plan.bucket, plan.ref, memory)
        memory.forget()

    def recover(self, plan: Plan, is_before: Callable[[str], bool] = lambda xid: False) -> Record | None:
        """What became of a plan before a crash, as the bucket tells: its commit, or None to carry it out again.

        A download is not repeated by itself: nobody waits for its files. `is_before`: whether the run had asked for the
        operation with that xid before this one, which may then replace it.
        """
        if isinstance(plan, DownloadPlan):
            gone = NotFound("the process that downloaded ended before it was done", hint="download again")
            return Record(failed=FailedRecord(xid=plan.xid, error=failures.to_message(gone)))
        if isinstance(plan, UploadPlan) and plan.is_kept:
            return None  # what was copied already is found
        committed = self._plane.was_committed_by(plan.bucket, plan.ref, plan.xid)
        if committed is not None:
            self._give_up(plan)
            return _committed(plan, committed)
        if isinstance(plan, UploadPlan) and plan.overwrite and self._was_overtaken(plan, is_before):
            self._give_up(plan)
            self._plane.tidy(plan.bucket, plan.ref, plan.xid)
            later = AliasTaken(
                f"{plan.ref} was uploaded anew or removed after this overwrite was asked for", hint="upload it again"
            )
            return Record(failed=FailedRecord(xid=plan.xid, error=failures.to_message(later)))
        return None

    def holds(self, artifact: LoggedArtifact) -> bool:
        """Whether the alias holds this upload now.

        Raises:
            WaBucketError: the bucket does not say.
        """
        if artifact.is_kept:
            return True  # its alias is the tracker's own matter
        try:
            header = self._plane.find(artifact.bucket, artifact.ref)
        except (NotFound, UpgradeRequired):
            return False
        return header is not None and header.digest == artifact.digest

    def _was_overtaken(self, plan: UploadPlan, is_before: Callable[[str], bool]) -> bool:
        """Whether somebody replaced or removed what this overwrite was to replace: replaying it must not undo that.

        Once it has withdrawn that itself, its claim lies there until anybody else finishes something at the alias.
        """
        there = self._plane.write_id(plan.bucket, plan.ref)
        if there == plan.replaces or is_before(there):
            return False
        return bool(there) or not self._plane.has_claim(plan.bucket, plan.ref, plan.xid)

    def close(self) -> None:
        """Let the workers end once nothing waits; idempotent."""
        self._queue.close()


def _committed(plan: UploadPlan | LinkPlan | AdoptPlan, committed: Committed) -> Record:
    if isinstance(plan, AdoptPlan):
        committed = replace(committed, artifact=replace(committed.artifact, adopted=True))
    return Record(committed=convert.committed_to_record(plan.xid, committed))
