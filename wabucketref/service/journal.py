"""The journal of one run: an append-only file of records, written before anything acts on them.

Promises: when :meth:`Journal.append` returns, the record survives ``kill -9`` of every process; after
:meth:`Journal.flush`, with ``sync="full"``, also power loss. A file torn or damaged at any byte opens to the records
before the damage. One process owns a journal at a time, by an ``flock`` on the file, which ends with the process.
"""

import fcntl
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from wabucketref.errors import InvalidValue, LocalIOError, WaBucketError
from wabucketref.failpoints import hit
from wabucketref.service import frames
from wabucketref.service.journal_file import make, mapped, open_file, own, refusal
from wabucketref.service.repair import make_directory, repair, sync_directory, whole_until, write_anew
from wabucketref.service.wabucket_pb2 import Record

SUFFIX: Final = ".journal"
_CHUNK: Final = 1 << 18

Sync = Literal["full", "normal"]


class Journal:
    """See the module's text. Thread-safe; not to be used in a forked child."""

    def __init__(self, path: Path, descriptor: int, end: int, sync: Sync) -> None:
        self.path = path
        self._lock = threading.RLock()  # taken at each record, which by way of the condition costs twice as much
        self.changed = threading.Condition(self._lock)
        self._descriptor = descriptor
        self._end = end
        self._synced = end
        self._sync = sync
        self._sync_lock = threading.Lock()
        self._broken: WaBucketError | None = None
        self._urgent = end
        self._told = False

    @classmethod
    def create(cls, path: Path, sync: Sync = "full") -> "Journal":
        """A new journal, owned by this process.

        Raises:
            Conflict: there is one of this name.
            LocalIOError, NotAuthorised: the disk refused.
        """
        with mapped(path):
            make_directory(path.parent)
            descriptor = make(path)
            try:
                os.ftruncate(descriptor, 0)  # who saw the file before it was locked may have repaired it
                os.write(descriptor, frames.MAGIC)
                if sync == "full":
                    os.fdatasync(descriptor)
                    sync_directory(path.parent)
            except BaseException:
                path.unlink(missing_ok=True)
                os.close(descriptor)
                raise
        hit("journal.created")
        return cls(path, descriptor, len(frames.MAGIC), sync)

    @classmethod
    def open(cls, path: Path, sync: Sync = "full") -> "Journal":
        """Take over the journal of a process that is gone; a damaged end is set aside and said.

        Raises:
            NotFound: it is not there (its owner finished it meanwhile).
            JournalInUse: a live process owns it.
            UpgradeRequired: a newer release wrote it.
        """
        with mapped(path):
            descriptor = open_file(path, os.O_RDWR | os.O_APPEND)
            try:
                own(descriptor, path)
                end = repair(descriptor, path)
            except BaseException:
                os.close(descriptor)
                raise
        return cls(path, descriptor, end, sync)

    @classmethod
    def look(cls, path: Path) -> "Journal":
        """What is in the journal now, to be read only: also while its owner writes. Nothing is repaired.

        Raises:
            NotFound: it is not there.
        """
        with mapped(path):
            descriptor = open_file(path, os.O_RDONLY)
            whole = os.pread(descriptor, len(frames.MAGIC), 0) == frames.MAGIC
            end = whole_until(descriptor, os.fstat(descriptor).st_size) if whole else len(frames.MAGIC)
        return cls(path, descriptor, end, "normal")

    @classmethod
    def in_memory(cls, name: str) -> "Journal":
        """A journal that lives and dies with this process, for runs that are to leave no trace."""
        if hasattr(os, "memfd_create"):
            descriptor = os.memfd_create(name)
        else:
            with tempfile.TemporaryFile() as unnamed:
                descriptor = os.dup(unnamed.fileno())
        os.write(descriptor, frames.MAGIC)
        return cls(Path(name), descriptor, len(frames.MAGIC), "normal")

    @property
    def end(self) -> int:
        """Position after the last record."""
        return self._end

    @property
    def urgent(self) -> int:
        """Position after the last record that its reader should not keep waiting."""
        return self._urgent

    def append(self, record: Record, *, urgent: bool = True) -> int:
        """Write one record; the position after it.

        Who waits on `changed` is told of each `urgent` record; of others only of the first since the last
        :meth:`read`, so that a row costs its writer no hand-over to another thread.

        Raises:
            LocalIOError: it could not be written (disk full, I/O error); the journal is as before.
        """
        payload = record.SerializeToString()
        if len(payload) > frames.MAX_PAYLOAD:
            raise InvalidValue(
                f"a record of {len(payload)} bytes is too large",
                hint=f"at most {frames.MAX_PAYLOAD} bytes are recorded",
            )
        frame = frames.encode(payload)
        with self._lock:
            start = self._end
            self._write(frame)
            self._end = end = start + len(frame)
            if urgent:
                self._urgent = end
            if urgent or not self._told:
                self._told = True
                self.changed.notify_all()
        hit("journal.appended")
        return end

    def flush(self, position: int | None = None) -> None:
        """Make everything before `position` (None: all so far) survive power loss, unless ``sync`` is ``normal``."""
        if self._sync == "full":
            self._sync_up_to(self._end if position is None else position)
            hit("journal.synced")

    def read(self, position: int) -> list[tuple[int, bytes]]:
        """The records from `position` on that lie within 256 KiB, or a larger one; empty at the end. Pairs of (position
        after it, serialized record).

        From the file: what was written a moment ago lies in the kernel's memory, and need not lie in ours too.
        """
        with self.changed:
            stop = self._end
            self._told = False
        return list(self._piece(position, stop)) if position < stop else []

    def scan(self, position: int = len(frames.MAGIC)) -> Iterator[tuple[int, Record]]:
        """All records from `position` on, read from the file: pairs of (position after it, record)."""
        stop = self._end
        while position < stop:
            for end, payload in self._piece(position, stop):
                yield end, Record.FromString(payload)
            position = end

    def remove(self) -> None:
        """Delete the file, which has served its purpose, and give up ownership."""
        if self.path.is_absolute():
            self.path.unlink(missing_ok=True)
        hit("journal.removed")
        self.close()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give up ownership; idempotent."""
        with self.changed:
            if self._descriptor >= 0:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)  # a forked child may hold the descriptor
                os.close(self._descriptor)
                self._descriptor = -1

    def _piece(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        if self._descriptor < 0:
            raise self._closed()
        want = frames.needed(os.pread(self._descriptor, frames.HEAD_BYTES, start))
        data = os.pread(self._descriptor, min(max(want, _CHUNK), stop - start), start)
        end = 0
        for end, payload in frames.decode(data):
            yield start + end, payload
        if not end:
            raise LocalIOError(f"the journal {self.path.name} cannot be read at byte {start}")

    def _write(self, frame: bytes) -> None:
        self._check()
        try:
            written = os.write(self._descriptor, frame)
            while written < len(frame):
                written += os.write(self._descriptor, frame[written:])
        except OSError as error:
            self._cut_off_torn_frame()
            raise refusal(error, self.path) from error

    def _cut_off_torn_frame(self) -> None:
        """Records behind a torn frame would never be read again: either it goes, or nothing follows it."""
        try:
            os.ftruncate(self._descriptor, self._end)
        except OSError as error:
            self._broken = LocalIOError(f"the journal {self.path} has a torn end: {error.strerror}")

    def _check(self) -> None:
        if self._broken is not None or self._descriptor < 0:
            raise self._broken or self._closed()

    def _closed(self) -> LocalIOError:
        return LocalIOError(f"the journal {self.path.name} is closed")

    def _sync_up_to(self, position: int) -> None:
        """Group commit: one ``fdatasync`` serves every thread that waits for a position before it."""
        with self._sync_lock:
            if self._synced >= position:
                return
            self._check()
            target = self._end
            try:
                os.fdatasync(self._descriptor)
            except OSError:
                target = self._save()
            self._synced = target

    def _save(self) -> int:
        """A sync failed: write all anew, or accept nothing more. The position that is safe then."""
        with self.changed:
            try:
                with mapped(self.path):
                    write_anew(self._descriptor, self.path, self._end)
            except WaBucketError as error:
                self._broken = error
                raise
            return self._end
