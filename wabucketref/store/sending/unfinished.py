"""Uploads in parts that earlier tries left behind: what may be gone on with, and giving back what may not."""

import logging
import threading
import uuid

from wabucketref.contracts.storage import Storage
from wabucketref.contracts.transfer import Cancel, OpenUpload, TransferMemory
from wabucketref.errors import (
    Conflict,
    IntegrityError,
    NotFound,
    ReplacedWhileReading,
    SourceChanged,
    UsageError,
    WaBucketError,
)
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.claims.take import take_claim
from wabucketref.store.header import read_header
from wabucketref.store.identity import Identity
from wabucketref.store.source.tree import Found

_log = logging.getLogger(__name__)
_FOR_GOOD = (SourceChanged, ReplacedWhileReading, Conflict, IntegrityError, NotFound, UsageError)


def is_for_good(error: BaseException) -> bool:
    """Whether a try that failed so is of no use to a later one; all other failures pass, as interruptions do."""
    return isinstance(error, _FOR_GOOD)


def give_back(storage: Storage, memory: TransferMemory, upload: OpenUpload) -> None:
    """Abort an upload; when that fails it stays remembered for another time."""
    try:
        storage.abort_multipart(upload.key, upload.upload_id)
    except WaBucketError as error:
        _log.warning("parts of an upload that nobody finishes are left in %s: %s", storage.url, error)
        return
    memory.end(upload)


def give_all_back(storage: Storage, memory: TransferMemory) -> None:
    """Abort all uploads in parts that are not over."""
    for upload in memory.unfinished():
        give_back(storage, memory, upload)


def give_unfinished_back(storage: Storage, ref: ArtifactRef, me: Identity, memory: TransferMemory) -> None:
    """As :func:`give_all_back`, under a claim of its own.

    Raises:
        UploadInProgress: a live writer holds the alias, who may be going on with them.
    """
    with take_claim(storage, ref, me, f"parts-{uuid.uuid4()}", Cancel()) as claim:
        if read_header(storage, ref) is not None:
            claim.untouched()
        give_all_back(storage, memory)


class Unfinished:
    """What an earlier try left, seen by the writer that holds the claim now. Thread-safe.

    `reusable`: nobody who may still wake up can put other bytes into these uploads. Without that all are given back.
    """

    def __init__(self, storage: Storage, memory: TransferMemory, *, reusable: bool) -> None:
        self._storage = storage
        self._memory = memory
        self._lock = threading.Lock()
        self._left: dict[str, OpenUpload] = {}
        for upload in memory.unfinished():
            if reusable and storage.capabilities.resumable and upload.path not in self._left:
                self._left[upload.path] = upload
            else:
                give_back(storage, memory, upload)

    def take(self, found: Found, key: str) -> OpenUpload | None:
        """The upload that has parts of this very file; one of an earlier state of it is given back."""
        with self._lock:
            upload = self._left.pop(found.path, None)
        if upload is None or _is_of(upload, found, key):
            return upload
        give_back(self._storage, self._memory, upload)
        return None

    def has(self, found: Found) -> bool:
        """Whether there is one for :meth:`take`."""
        return found.path in self._left

    def give_back(self, upload: OpenUpload) -> None:
        """One that was taken and is of no use."""
        give_back(self._storage, self._memory, upload)

    def give_rest_back(self) -> None:
        """Those of files that the source does not have any more."""
        with self._lock:
            left, self._left = self._left, {}
        for upload in left.values():
            give_back(self._storage, self._memory, upload)

    def failed(self, error: BaseException) -> None:
        """The try ended with `error`: what no later one can use is given back."""
        if is_for_good(error):
            give_all_back(self._storage, self._memory)


def _is_of(upload: OpenUpload, found: Found, key: str) -> bool:
    then = (upload.key, upload.size, upload.mtime_ns, upload.ctime_ns, upload.inode)
    return then == (key, found.size, found.mtime_ns, found.ctime_ns, found.inode)
