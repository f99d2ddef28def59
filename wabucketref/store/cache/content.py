"""Contents that were downloaded before, one file each, named by digest; shared by all processes of a home.

A file here is always a copy (a copy-on-write clone where the disk knows them), never a hard link: a user who edits a
downloaded file in place must not edit what the next download gets. Nothing is believed: what is taken from here is
hashed, and thrown away when it is not what its name says.
"""

import logging
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from wabucketref.failpoints import hit
from wabucketref.model.manifest import DIGEST_PREFIX, Entry
from wabucketref.store.cache.pruning import PART, add_usage, prune
from wabucketref.store.disk.beneath import READ
from wabucketref.store.disk.localio import clone

_log = logging.getLogger(__name__)


class ContentCache:
    """At most `limit` bytes of contents in a directory; 0 or no directory: none. Thread-safe.

    Nothing is raised: a cache that cannot be read holds nothing, one that cannot be written stays as it is.
    """

    def __init__(self, directory: Path | None, limit: int) -> None:
        self.directory = directory
        self.limit = limit if directory is not None else 0

    def open(self) -> "Contents":
        """For one download; to be closed."""
        return Contents(self.directory, self.limit)


class Contents:
    """The cache as one download uses it."""

    def __init__(self, directory: Path | None, limit: int) -> None:
        self._directory = directory or Path()
        self._limit = limit if directory is not None else 0
        self._writable = bool(self._limit)
        self._added = 0
        self._lock = threading.Lock()

    @property
    def holds_any(self) -> bool:
        """Whether to ask at all."""
        return bool(self._limit)

    def put_into(self, entry: Entry, target: int) -> bool:
        """Write the content of `entry` into the open, empty file `target`; the caller looks whether it is right."""
        if not self._limit or not entry.digest:
            return False
        path = self._path(entry.digest)
        try:
            source = os.open(path, READ)
        except OSError:
            return False
        try:
            if os.fstat(source).st_size != entry.size:
                self.drop(entry)
                return False
            clone(source, target, entry.size)
            os.utime(source, ns=(time.time_ns(), os.fstat(source).st_mtime_ns))  # used now
        except OSError as error:
            _log.info("%s cannot be used: %s", path, error.strerror)
            return False
        finally:
            os.close(source)
        return True

    def drop(self, entry: Entry) -> None:
        """Throw away a content that is not what its name says."""
        _log.warning("what is kept in %s is damaged: thrown away, fetched anew", self._path(entry.digest))
        with suppress(OSError):
            os.unlink(self._path(entry.digest))

    def add(self, entry: Entry, source: int) -> None:
        """Keep the content of the open file `source`, which was just verified."""
        if not self._writable or not entry.digest or entry.size > self._limit:
            return
        path = self._path(entry.digest)
        try:
            with _part(path) as target:
                clone(source, target, entry.size)
                hit("cache.content_written")
        except FileExistsError:
            return
        except OSError as error:
            _log.info("contents are not kept in %s: %s", self._directory, error.strerror)
            self._writable = False
            return
        with self._lock:
            self._added += entry.size

    def close(self) -> None:
        """See to it that the cache is not larger than it may be; idempotent."""
        with self._lock:
            added, self._added = self._added, 0
        if added:
            with suppress(OSError):
                if add_usage(self._directory, added) > self._limit:
                    prune(self._directory, self._limit)

    def __enter__(self) -> "Contents":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _path(self, digest: str) -> str:
        name = digest[len(DIGEST_PREFIX) :]
        return os.path.join(self._directory, name[:2], name)


@contextmanager
def _part(path: str) -> Iterator[int]:
    """A new file, which bears the name `path` once the block has filled it.

    Raises:
        FileExistsError: another process was faster.
        OSError: it cannot be written.
    """
    directory = os.path.dirname(path)
    if os.path.lexists(path):
        raise FileExistsError(path)
    os.makedirs(directory, mode=0o700, exist_ok=True)
    part = os.path.join(directory, f"{PART}{secrets.token_hex(8)}")
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
        os.rename(part, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise
    finally:
        os.close(descriptor)
