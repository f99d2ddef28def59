"""The catalog as the tracker has it open: for most that is asked, connections that take text (see ``sql.py``); for the
rest, once it is asked, an engine."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Final

from wabucketref.failpoints import hit
from wabucketref.trackers.embedded import sqlite
from wabucketref.trackers.embedded.errors import mapped
from wabucketref.trackers.embedded.sql import ask

if TYPE_CHECKING:
    from wabucketref.trackers.embedded.engine import Catalog
    from wabucketref.trackers.embedded.sql import Link

REVISIONS: Final = ("0001", "0002", "0003", "0004")
"""Of the schema, oldest first."""
_FILE: Final = "sqlite:///"


class Links:
    """Thread-safe; a forked child opens connections of its own."""

    def __init__(self, url: str, *, create: bool = True, busy_seconds: float = 30.0) -> None:
        """Open `url`; nothing is asked of the database yet. Raises as :class:`Catalog`."""
        self._url = url
        self._busy_seconds = busy_seconds
        self._create = create
        self._file = _file_of(url)
        self._idle: list[sqlite3.Connection] = []
        self._inherited: list[sqlite3.Connection] = []
        self._pid = os.getpid()
        if self._file is None:
            self.where = self.catalog.where
            return
        self.where = f"the catalog {self._file}"
        sqlite.prepare(self._file, create=create, where=self.where)
        self._identity = sqlite.identity(self._file)

    @cached_property
    def catalog(self) -> "Catalog":
        """The engine."""
        from wabucketref.trackers.embedded.engine import Catalog

        return Catalog(self._url, create=self._create, busy_seconds=self._busy_seconds)

    def is_current(self) -> bool:
        """Whether it is a file with the newest schema; False: who has the engine finds out what it is."""
        if self._file is None:
            return False
        with self.read() as link:
            try:
                rows = ask(link, "SELECT version_num FROM alembic_version")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:  # of a table that is not there
                    raise
                return False
        return rows == [(REVISIONS[-1],)]

    @contextmanager
    def read(self) -> "Iterator[Link]":
        """A transaction that sees one state and does not write."""
        if self._file is None:
            with self.catalog.read() as connection:
                yield connection
            return
        with self._transaction(self._file, write=False) as link:
            yield link

    @contextmanager
    def write(self) -> "Iterator[Link]":
        """A transaction that writes: whole when the block ends, nothing when it raises.

        Raises:
            TransientError: another process held the lock for `busy_seconds`.
        """
        if self._file is None:
            with self.catalog.write() as connection:
                yield connection
            return
        with self._transaction(self._file, write=True) as link:
            yield link
            hit("catalog.written")
        hit("catalog.committed")

    def close(self) -> None:
        """Give the connections back; idempotent."""
        if self._pid == os.getpid():
            while self._idle:
                self._idle.pop().close()
        if "catalog" in vars(self):
            self.catalog.close()

    def rest(self) -> None:
        """The engine has made a file what it must be, and is seldom asked again: it holds no descriptors meanwhile."""
        if self._file is not None:
            self.catalog.close()

    @contextmanager
    def _transaction(self, file: str, *, write: bool) -> Iterator[sqlite3.Connection]:
        sqlite.check_same(file, self._identity, self.where)
        with mapped(self.where):
            link = self._take(file)
            try:
                sqlite.begin(link, self._busy_seconds, write=write)
                yield link
                link.execute("COMMIT")
            except sqlite3.Error:
                link.close()
                raise
            except BaseException:
                link.execute("ROLLBACK")
                self._give_back(link)
                raise
            self._give_back(link)

    def _take(self, file: str) -> sqlite3.Connection:
        if self._pid != os.getpid():
            # A connection carried over a fork must be neither used nor closed here: keep it, unused.
            self._inherited += self._idle
            self._idle, self._pid = [], os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            return sqlite.connect(file, self._busy_seconds)

    def _give_back(self, link: sqlite3.Connection) -> None:
        """One is kept open between transactions."""
        if self._idle:
            link.close()
        else:
            self._idle.append(link)


def _file_of(url: str) -> str | None:
    """Absolute path of the file that `url` names; None: a server, or what it takes an engine to understand."""
    path = url.removeprefix(_FILE)
    if path == url or not path or "?" in path or path == ":memory:" or path.startswith("file:"):
        return None
    return os.path.abspath(path)
