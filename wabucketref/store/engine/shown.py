"""Progress of one file across tries."""

import threading

from wabucketref.contracts.progress import Progress


class Shown:
    """Tells progress of the bytes of one file, but not again of what a second try moves again. Thread-safe."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._best = self._now = 0

    def restart(self) -> None:
        """A new try begins."""
        self._now = 0

    def advance(self, size: int) -> None:
        with self._lock:
            self._now += size
            new, self._best = self._now - self._best, max(self._best, self._now)
        if new > 0:
            self._progress.advance(bytes=new)
