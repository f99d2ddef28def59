"""Making a local bucket survive power loss: one sync for all writes before it, and a failure told to all."""

import os
import threading

from wabucketref.errors import NotDurable
from wabucketref.store.disk.localio import sync_file_system


class DiskSync:
    """Thread-safe.

    The kernel tells of a write that failed behind our back only to descriptors that were open by then, and only once,
    after which the lost bytes count as clean. So the descriptor is opened before the first write, and after a failure
    this object never calls anything durable again: whoever asks writes anew, in another process.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._descriptor = -1
        self._lock = threading.Lock()
        self._syncing = threading.Lock()
        self._written = self._synced = 0
        self._failed: OSError | None = None

    def begin(self) -> None:
        """Call before bytes are written; makes the directory."""
        with self._lock:
            if self._descriptor < 0:
                os.makedirs(self._directory, exist_ok=True)
                self._descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def wrote(self) -> None:
        """Something is on the disk that :meth:`flush` must make durable."""
        with self._lock:
            self._written += 1

    def flush(self) -> None:
        """Make all that was written by now durable. Callers at the same time share syncs.

        Raises:
            NotDurable: some of it may be lost.
        """
        with self._syncing:
            with self._lock:
                target, descriptor = self._written, self._descriptor
            if self._failed is None and self._synced < target:
                try:
                    sync_file_system(descriptor)
                except OSError as error:
                    self._failed = error
            if self._failed is not None:
                raise NotDurable(
                    f"the disk of {self._directory} lost what was written to it: {self._failed.strerror}",
                    hint="check the disk, then repeat it in a new process: start scripts and the service anew",
                ) from self._failed
            self._synced = target

    def close(self) -> None:
        """Idempotent."""
        with self._syncing, self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1
