"""The open catalog: hands out connections inside a transaction, whatever database is behind."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError

from wabucketref.errors import SettingsError
from wabucketref.failpoints import hit
from wabucketref.model.redact import url_secrets
from wabucketref.trackers.embedded import postgres, sqlite
from wabucketref.trackers.embedded.errors import damaged, mapped

_WRITE: Final = "catalog_write"
"""Execution option of a connection whose transaction will write."""
_ALTER: Final = "catalog_alter"
"""Execution option of one that rebuilds tables."""
_URLS: Final = "use sqlite:////path/catalog.sqlite or postgresql://user@host/database"


class Catalog:
    """Connections to one catalog. Thread-safe; a forked child opens connections of its own."""

    def __init__(self, url: str, *, create: bool = True, busy_seconds: float = 30.0, connections: int = 1) -> None:
        """Open `url`, a SQLAlchemy URL of SQLite or PostgreSQL; nothing is asked of the database yet.

        `connections` are kept open between transactions. Of a file any number of transactions may be under way; of a
        server few more, the others wait.

        Raises:
            SettingsError: the URL is malformed or of another database, or the driver for it is not installed.
            NotFound: there is no such file and `create` is False.
            NotAuthorised, LocalIOError: the file cannot be made.
        """
        self._url = _checked(url)
        self._secrets = url_secrets(url)
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
    def url(self) -> str:
        """As SQLAlchemy reads it. May hold a password."""
        return self._url.render_as_string(hide_password=False)

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
        with self._transaction(**{_WRITE: True}) as connection:
            yield connection
            hit("catalog.written")
        hit("catalog.committed")

    @contextmanager
    def write_in_turn(self) -> Iterator[Connection]:
        """As :meth:`write`, with no other such transaction under way, not even in other processes: for those who look
        at one thing to change another."""
        with self.write() as connection:
            postgres.take_turn(connection, postgres.SERVER)
            yield connection

    @contextmanager
    def alter(self) -> Iterator[Connection]:
        """As :meth:`write`, for changes of the schema by one process at a time: SQLite enforces no references
        meanwhile, PostgreSQL lets it take its time."""
        with self._transaction(**{_WRITE: True, _ALTER: True}) as connection, ExitStack() as stack:
            if self._file is None:
                stack.enter_context(postgres.unhurried(connection))
                postgres.take_turn(connection, postgres.MIGRATION)
            yield connection
            hit("catalog.altered")

    def check(self, *, thorough: bool = False) -> None:
        """Let the database look for damage, where it can, and say whether it takes writes; a `thorough` look compares
        the indexes, too.

        Raises:
            WaBucketError: it found some, or it does not.
        """
        with self.read() as connection:
            if self._file is None:
                postgres.check(connection, self.where)
                return
            look = "integrity_check" if thorough else "quick_check"
            found = connection.execute(text(f"PRAGMA {look}(1)")).scalar_one()
        if found != "ok":
            raise damaged(self.where, str(found))

    def close(self) -> None:
        """Give the connections back; idempotent."""
        pid, engine = self._engine
        if pid == os.getpid():
            engine.dispose()

    @contextmanager
    def _transaction(self, **options: Any) -> Iterator[Connection]:
        if self._file is not None:
            sqlite.check_same(self._file, self._identity, self.where)
        with mapped(self.where, self._secrets), self._current().connect() as connection:
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
        with mapped(self.where, self._secrets):
            if self._file is None:
                return postgres.connectable(self._url, self._busy_seconds, self._connections)
            engine = create_engine(
                self._url,
                hide_parameters=True,
                poolclass=QueuePool,
                pool_size=self._connections,
                max_overflow=-1,
                connect_args={"timeout": self._busy_seconds},
            )
            _listen(engine, self._file, self._busy_seconds)
            return engine


def _listen(engine: Engine, path: str, busy_seconds: float) -> None:
    """Make each connection and transaction of `engine` ours."""

    @event.listens_for(engine, "connect")
    def on_connect(raw: Any, _record: Any) -> None:
        sqlite.settle(raw, path, busy_seconds)

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        raw = connection.connection.dbapi_connection
        sqlite.begin(raw, busy_seconds, write=bool(options.get(_WRITE)), alter=bool(options.get(_ALTER)))


def _checked(given: str) -> URL:
    try:
        url = make_url(given)
    except (ArgumentError, ValueError) as error:  # its words may quote the password
        raise SettingsError("the URL of the catalog cannot be understood", hint=_URLS) from error
    if url.drivername in ("postgres", "postgresql"):
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "postgresql":
        return url
    if url.get_backend_name() != "sqlite":
        raise SettingsError(
            f"the catalog cannot be a {url.get_backend_name()} database",
            hint=_URLS,
        )
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise SettingsError("the catalog needs a file", hint="use sqlite:////path/catalog.sqlite")
    return url.set(database=os.path.abspath(url.database))
