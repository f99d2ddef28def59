"""What is particular to SQLite: the file, its journal mode, how a connection and a transaction begin."""

import contextlib
import errno
import os
import random
import sqlite3
import tempfile
import time
from typing import Any

from wabucketref.errors import LocalIOError, NotAuthorised, NotFound, SettingsError, TransientError, WaBucketError
from wabucketref.filesystem import is_network
from wabucketref.trackers.embedded.errors import is_busy


def prepare(path: str, *, create: bool, where: str) -> None:
    """Have a file at `path`, readable by its owner alone; an empty one is an empty database.

    Raises:
        NotFound: it is not there and shall not be made.
        NotAuthorised, LocalIOError, SettingsError: it cannot be made.
    """
    if os.path.exists(path):
        return
    if not create:
        raise NotFound(f"{where} does not exist", hint="nothing was recorded here yet")
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        _touch(path)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise SettingsError(f"{where} cannot be made: a file is in its way", hint="choose another home") from error
    except OSError as error:
        raise _refusal(error, where) from error


def connect(path: str, busy_seconds: float) -> sqlite3.Connection:
    """A connection of ours; any thread may use it."""
    raw = sqlite3.connect(path, timeout=busy_seconds, check_same_thread=False)
    try:
        settle(raw, path, busy_seconds)
    except BaseException:
        raw.close()
        raise
    return raw


def settle(raw: Any, path: str, busy_seconds: float) -> None:
    """Make a fresh connection ours: journal mode, full sync, explicit BEGIN."""
    raw.isolation_level = None
    wanted = "delete" if is_network(path) else "wal"
    if raw.execute("PRAGMA journal_mode").fetchone()[0] != wanted:
        _patiently(raw, f"PRAGMA journal_mode={wanted}", busy_seconds)
    raw.execute("PRAGMA synchronous=FULL")


def begin(raw: Any, busy_seconds: float, *, write: bool, alter: bool = False) -> None:
    """Begin a transaction. One that will `write` has the file for itself at once; one that will `alter` rebuilds
    tables, which foreign keys would forbid."""
    # Only settable between transactions; a connection that altered goes back to the pool switched on again.
    raw.execute(f"PRAGMA foreign_keys={'OFF' if alter else 'ON'}")
    if write:
        _patiently(raw, "BEGIN IMMEDIATE", busy_seconds)
    else:
        raw.execute("BEGIN")


def identity(path: str) -> tuple[int, int] | None:
    """Which file lies at `path`, None when there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def check_same(path: str, then: tuple[int, int] | None, where: str) -> None:
    """Refuse to write into a file that nobody can open any more: `path` was `then`.

    Raises:
        TransientError: it is another one now, or none.
    """
    if identity(path) != then:
        raise TransientError(
            f"{where} was removed or replaced while it was open",
            hint="start the command or service again; what was not recorded yet is in the journal",
        )


def _touch(path: str) -> None:
    """Make an empty file unless there is one.

    Closing a descriptor of a database drops the locks that this process holds on it, so the file is made under
    another name, closed, and only then linked to where another thread may already be waiting for it.
    """
    handle, made = tempfile.mkstemp(prefix=".catalog-", dir=os.path.dirname(path))
    os.close(handle)
    try:
        os.link(made, path)
    except FileExistsError:
        return
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
            raise
        with contextlib.suppress(FileExistsError):  # a disk without hard links
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    finally:
        os.unlink(made)


def _refusal(error: OSError, where: str) -> WaBucketError:
    text = f"{where} cannot be made: {error.strerror}"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return NotAuthorised(text, hint="choose a home that you may write (WABUCKET_HOME)")
    return LocalIOError(text, hint="check its disk, its free space and free inodes")


def _patiently(raw: Any, statement: str, busy_seconds: float) -> None:
    """Run a statement that takes a lock; wait for the lock with jitter.

    SQLite's own waiting wakes all waiters at the same steps, and does not wait at all while the journal mode
    changes. With the lock taken at BEGIN no later statement of the transaction can find it taken.
    """
    deadline, pause = time.monotonic() + busy_seconds, 0.001
    raw.execute("PRAGMA busy_timeout=0")
    try:
        while True:
            try:
                raw.execute(statement)
                return
            except sqlite3.OperationalError as error:
                left = deadline - time.monotonic()
                if not is_busy(error) or left <= 0:
                    raise
                time.sleep(min(left, pause * random.uniform(0.5, 1.5)))  # noqa: S311
                pause = min(pause * 2, 0.05)
    finally:
        raw.execute(f"PRAGMA busy_timeout={int(busy_seconds * 1000)}")
