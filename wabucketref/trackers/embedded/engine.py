"""The open catalog: hands out connections inside a transaction, whatever database is behind."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, make_url, text

from wabucketref.errors import SettingsError, TransientError
from wabucketref.failpoints import hit
from wabucketref.trackers.embedded import sqlite
from wabucketref.trackers.embedded.errors import damaged, mapped

_CONNECT_SECONDS: Final = 10


class Catalog:
    """Connections to one catalog. Thread-safe; a forked child opens connections of its own."""

    def __init__(self, url: str, *, create: bool = True, busy_seconds: float = 30.0, connections: int = 1) -> None:
        """Open `url`, a SQLAlchemy URL of SQLite or PostgreSQL; nothing is asked of the database yet.

        Any number of transactions may be under way; `connections` of a file are kept open between them.

        Raises:
            SettingsError: the URL is malformed or of another database.
            NotFound: there is no such file and `create` is False.
            NotAuthorised, LocalIOError: the file cannot be made.
        """
        self._url = _checked(url)
        self._busy_seconds = busy_seconds
        self._connections = connections
        self.where = f"the catalog {self._url.database or ''}"
        if self._url.host:
            self.where = f"the catalog {self._url.database} on {self._url.host}"
        self._file = self._url.database if self._url.get_backend_name() == "sqlite" else None
        if self._file is not None:
            sqlite.prepare(self._file, create=create, where=self.where)
        self._identity = sqlite.identity(self._file) if self._file else None
        self._inherited: list[Engine] = []
        self._engine = (os.getpid(), self._connectable())

    @property
    def file(self) -> str | None:
        """Absolute path of the SQLite file, None for a database server."""
        return self._file

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._url.get_backend_name()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state and does not write."""
        options = {"isolation_level": "REPEATABLE READ"} if self._file is None else {}
        with self._transaction(**options) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes: whole when the block ends, nothing when it raises.

        Raises:
            TransientError: another process held the lock for `busy_seconds`.
        """
        with self._transaction(**{sqlite.WRITE: True}) as connection:
            yield connection
            hit("catalog.written")
        hit("catalog.committed")

    @contextmanager
    def alter(self) -> Iterator[Connection]:
        """As :meth:`write`, for changes of the schema: references are not enforced meanwhile."""
        with self._transaction(**{sqlite.WRITE: True, sqlite.ALTER: True}) as connection:
            yield connection
            hit("catalog.altered")

    def check(self) -> None:
        """Let the database look for damage, where it can.

        Raises:
            WaBucketError: it found some.
        """
        if self._file is None:
            with self.read() as connection:
                connection.execute(text("SELECT 1"))
            return
        with self.read() as connection:
            found = connection.execute(text("PRAGMA quick_check(1)")).scalar_one()
        if found != "ok":
            raise damaged(self.where, str(found))

    def close(self) -> None:
        """Give the connections back; idempotent."""
        pid, engine = self._engine
        if pid == os.getpid():
            engine.dispose()

    @contextmanager
    def _transaction(self, **options: Any) -> Iterator[Connection]:
        self._check_file()
        with mapped(self.where), self._current().connect() as connection:
            connection.execution_options(**options)
            with connection.begin():
                yield connection

    def _current(self) -> Engine:
        pid, engine = self._engine
        if pid != os.getpid():
            # A connection carried over a fork must be neither used nor closed here: keep it, unused.
            self._inherited.append(engine)
            engine = self._connectable()
            self._engine = (os.getpid(), engine)
        return engine

    def _connectable(self) -> Engine:
        with mapped(self.where):
            if self._file is None:
                return create_engine(
                    self._url,
                    hide_parameters=True,
                    pool_pre_ping=True,
                    max_overflow=-1,
                    connect_args={"connect_timeout": _CONNECT_SECONDS},
                )
            engine = create_engine(
                self._url,
                hide_parameters=True,
                poolclass=QueuePool,
                pool_size=self._connections,
                max_overflow=-1,
                connect_args={"timeout": self._busy_seconds},
            )
            sqlite.listen(engine, self._file, self._busy_seconds)
            return engine

    def _check_file(self) -> None:
        """Refuse to write into a file that nobody can open any more."""
        if self._file is not None and sqlite.identity(self._file) != self._identity:
            raise TransientError(
                f"{self.where} was removed or replaced while it was open",
                hint="start the command or service again; what was not recorded yet is in the journal",
            )


def _checked(given: str) -> URL:
    with mapped("the catalog"):
        url = make_url(given)
    if url.drivername in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "postgresql":
        return url
    if url.get_backend_name() != "sqlite":
        raise SettingsError(
            f"the catalog cannot be a {url.get_backend_name()} database",
            hint="use sqlite:////path/catalog.sqlite or postgresql://user@host/database",
        )
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise SettingsError("the catalog needs a file", hint="use sqlite:////path/catalog.sqlite")
    return url.set(database=os.path.abspath(url.database))
