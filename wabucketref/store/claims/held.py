"""A claim that is held: renewed in a thread, checked before every write, given back at the end."""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from wabucketref.errors import (
    LocalIOError,
    NotFound,
    OutcomeUnknown,
    PreconditionFailed,
    TransientError,
    UploadInProgress,
    WaBucketError,
)
from wabucketref.store.claims.body import DEAD_AFTER, RENEW_EVERY, Taken
from wabucketref.store.claims.clock import awake_seconds
from wabucketref.threads import start

_log = logging.getLogger(__name__)
_TRUSTED = DEAD_AFTER * 0.75
"""A renewal older than this is repeated before anything is written: this process may have slept."""


class Held:
    """The claim of this writer. Use as a context manager; thread-safe."""

    def __init__(
        self,
        taken: Taken,
        what: str,
        *,
        clock: Callable[[], float] = awake_seconds,
        renew_every: float = RENEW_EVERY,
    ) -> None:
        self.reusable = taken.reusable
        """Whether files of an earlier try may be kept."""
        self._lease = taken.lease
        self._what = what
        self._clock = clock
        self._every = renew_every
        self._renewed = clock()
        self._lost = False
        self._touched = not taken.fresh
        self._over = False
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="wabucket-claim", daemon=True)
        try:
            start(self._thread)
        except LocalIOError:
            with suppress(WaBucketError):
                taken.lease.give_back(keep_trace=self._touched)
            raise

    def check(self) -> None:
        """Pass only while the claim is surely ours; call before every write.

        Raises:
            UploadInProgress: another writer took it over while this one slept or could not reach the store.
        """
        if not self._lost and self._clock() - self._renewed > _TRUSTED:
            self.renew()
        if self._lost:
            raise UploadInProgress(
                f"the claim on {self._what} was taken over by another writer", hint="see what it uploaded, then repeat"
            )

    def touch(self) -> None:
        """Note that something was or may have been written, which must never look like an upload without manifest."""
        self.check()
        self._touched = True

    def untouched(self) -> None:
        """Note that a header is there, beside which no trace of this claim is needed."""
        self._touched = False

    def renew(self) -> None:
        """Renew now; a loss shows at the next check.

        Raises:
            TransientError: the store cannot be reached.
        """
        with self._lock:
            if self._lost or self._over:
                return
            sent = self._clock()
            try:
                self._lease.renew()
                self._renewed = sent
            except (PreconditionFailed, NotFound):
                self._lost = True

    def commit_done(self) -> bool:
        """Give the claim back after the commit; False when it had been taken over by then."""
        self._end(keep_trace=False)
        return not self._lost

    def __enter__(self) -> "Held":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(keep_trace=self._touched)

    def _end(self, *, keep_trace: bool) -> None:
        if self._over:
            return
        self._stop.set()
        self._thread.join()
        with self._lock:
            self._over = True
            if self._lost:
                return
            try:
                self._lease.give_back(keep_trace=keep_trace)
            except (PreconditionFailed, NotFound):
                self._lost = True
            except (TransientError, OutcomeUnknown) as failure:
                # It dies by itself, after 60 s or with this process; the outcome of the upload stands.
                _log.warning("cannot give back the claim on %s: %s", self._what, failure)

    def _keep(self) -> None:
        pause = self._every
        while not self._stop.wait(pause):
            try:
                self.renew()
                pause = self._every
            except TransientError as failure:
                pause = self._every / 3
                _log.warning("cannot renew the claim on %s: %s", self._what, failure)
            if self._lost:
                return
