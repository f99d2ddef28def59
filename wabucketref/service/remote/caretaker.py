"""What earlier processes left in the journals is ended by the service: at its start, and again while it waits.

A journal that cannot be ended now (the tracker or the bucket is out of reach, credentials are missing) is tried again
with growing pauses. Runs that were recorded offline on purpose wait for ``wabucket sync``; only their transfers are
ended.
"""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from wabucketref.errors import IntegrityError, NotFound, WaBucketError
from wabucketref.service.journal import SUFFIX, Journal
from wabucketref.service.journal_file import JournalInUse
from wabucketref.service.recovery import Recovered, recover
from wabucketref.service.remote.clients import Context
from wabucketref.service.settle import settle
from wabucketref.threads import Pool, start

log = logging.getLogger(__name__)

_FIRST_PAUSE: Final = 30.0
_LONGEST_PAUSE: Final = 600.0
_AT_ONCE: Final = 4


class Caretaker:
    """One thread. `online` and `offline` make what recovered runs need; each is asked for when first needed."""

    def __init__(self, directory: Path, online: Callable[[], Context], offline: Callable[[], Context]) -> None:
        """`directory`: of the journals."""
        self._directory = directory
        self._online = online
        self._offline = offline
        self._left_alone: dict[Path, float] = {}
        """Journals that wait for ``sync``, with the time of their last change: not read again while that stands."""
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._work, name="caretaker", daemon=True)
        self.first_round = threading.Event()
        """Set once every journal that was there at the start has been looked at."""

    def start(self) -> None:
        start(self._thread)

    def stop(self, timeout: float) -> None:
        """No further journal; what is being ended goes on until its service is closed."""
        self._stop.set()
        self._wake.set()
        self._thread.join(timeout)

    def _work(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stop.is_set():
            left = self.tend()
            self.first_round.set()
            pause = min(pause * 2, _LONGEST_PAUSE) if left else _FIRST_PAUSE
            self._wake.wait(pause)

    def tend(self) -> int:
        """End what can be ended; how many journals are left for later."""
        paths = sorted(self._directory.glob(f"*{SUFFIX}"), key=_age)
        with Pool(_AT_ONCE, thread_name_prefix="recovery") as pool:
            return sum(not ended for ended in pool.map(self._try, paths))

    def _try(self, path: Path) -> bool:
        """Whether there is nothing left to do for the journal."""
        if self._stop.is_set():
            return False
        age = _age(path)
        if self._left_alone.get(path) == age:
            return True
        try:
            return self._end(path, age)
        except WaBucketError as error:
            log.info("%s: %s", path.name, error)
        except Exception:
            log.exception("%s cannot be recovered; it is kept", path.name)
        return False

    def _end(self, path: Path, age: float) -> bool:
        found = _look(path)
        if found is None:
            return True
        context = self._offline() if found.offline else self._online()
        if found.offline and found.exit is not None and found.state.xids <= found.settled:
            self._left_alone[path] = age
            return True
        if found.tracker not in ("", context.tracker_place):
            log.info("run %s belongs to the tracker %s: it waits for `wabucket sync`", path.stem, found.tracker)
            self._left_alone[path] = age
            return True
        try:
            stream, recovered = context.service.recover(path)
        except (JournalInUse, NotFound, IntegrityError):
            return True  # somebody else's, or ended meanwhile, or nothing was ever in it
        log.info("run %s was left by another process: going on with it", stream.key.run_id)
        try:
            settled = settle(stream, deadline=None, finish_timeout=context.finish_timeout, recovered=recovered)
        finally:
            context.service.retire(stream)
        log.info("run %s: %s, %s", stream.key.run_id, settled.state or settled.error, settled.tracking)
        return settled.tracking != "pending" or found.offline


def _look(path: Path) -> Recovered | None:
    """What the journal of a process that is gone says; None when it lives, or nothing is in it."""
    try:
        with Journal.open(path) as journal:
            try:
                return recover(journal)
            except IntegrityError:
                journal.remove()  # while it is ours
                return None
    except (JournalInUse, NotFound):
        return None


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return time.time()
