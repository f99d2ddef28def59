"""What is particular to PostgreSQL: how long anything may take, how connections begin, who takes turns."""

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, text

from wabucketref.trackers.embedded.errors import STANDBY

MIGRATION: Final = 0x77616275
SERVER: Final = 0x77616276
"""Keys of advisory locks: any constant numbers of ours."""

_CONNECT_SECONDS: Final = 10
_STATEMENT_SECONDS: Final = 60
_IDLE_SECONDS: Final = 120
"""After which the database ends a transaction whose process stands still, so that others get its locks."""
_GRACE_SECONDS: Final = 15.0
"""For an answer that the database owes: it ends each statement in time by itself, unless it is frozen or cut off."""
_SPARE: Final = 3
"""Connections beside those kept open, for threads that come at once; further threads wait."""

_LIBPQ: Final[Mapping[str, object]] = {
    "connect_timeout": _CONNECT_SECONDS,
    "application_name": "wabucket",
    # A peer that vanished without a word is noticed while a connection lies in the pool.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


def connectable(url: URL, busy_seconds: float, connections: int) -> Engine:
    """An engine whose every wait ends: for a connection, for a lock (`busy_seconds` each), for a statement."""
    engine = create_engine(
        url,
        hide_parameters=True,
        isolation_level="READ COMMITTED",  # after the wait for a lock, what its holder wrote is seen
        pool_pre_ping=True,
        pool_size=connections,
        max_overflow=_SPARE,
        pool_timeout=busy_seconds,
        connect_args=_arguments(url, busy_seconds),
    )

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, positional: Sequence[Any], named: Mapping[str, Any]) -> Any:
        return _connection_class().connect(*positional, **named)

    return engine


@contextmanager
def unhurried(connection: Connection) -> Iterator[None]:
    """Let the statements of this transaction take their time; locks are waited for as ever."""
    raw: Any = connection.connection.dbapi_connection
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    limit, raw.limit = raw.limit, None
    try:
        yield
    finally:
        raw.limit = limit


def take_turn(connection: Connection, key: int) -> None:
    """Wait until no other transaction has the turn `key`; it is ours until this one ends."""
    if connection.dialect.name == "postgresql":  # SQLite has one writer anyway
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def check(connection: Connection, where: str) -> None:
    """Ask whether the database can be written to.

    Raises:
        TransientError: it is a standby, or was made read-only.
    """
    read_only = "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on'"
    if connection.execute(text(read_only)).scalar_one():
        kind, what, hint = STANDBY
        raise kind(f"{where} {what}", hint=hint)


def _arguments(url: URL, busy_seconds: float) -> Mapping[str, object]:
    """What libpq is told; the user's own words in the URL count more."""
    seconds = {
        "statement_timeout": _STATEMENT_SECONDS,
        "lock_timeout": busy_seconds,
        "idle_in_transaction_session_timeout": _IDLE_SECONDS,
    }
    ours = " ".join(f"-c {name}={int(limit * 1000)}" for name, limit in seconds.items())
    found = {name: value for name, value in _LIBPQ.items() if name not in url.query}
    return {**found, "options": f"{ours} {url.query.get('options', '')}".rstrip()}


def _connection_class() -> Any:
    """psycopg's connection, whose waits end when the other side neither answers nor closes."""
    import psycopg

    class Watched(psycopg.Connection[Any]):
        limit: float | None = _STATEMENT_SECONDS + _GRACE_SECONDS

        def wait(self, gen: Any, *arguments: Any, **options: Any) -> Any:
            return super().wait(gen if self.limit is None else self._watched(gen, self.limit), *arguments, **options)

        def _watched(self, gen: Any, seconds: float) -> Generator[Any, Any, Any]:
            """As `gen`, which the caller wakes about every 0.1 s when nothing comes."""
            deadline, answer = time.monotonic() + seconds, None
            try:
                while True:
                    answer = yield gen.send(answer)
                    if not answer and time.monotonic() > deadline:
                        self.pgconn.finish()  # where it stands in the protocol is unknown
                        raise psycopg.OperationalError(f"no answer within {seconds:.0f} s")
            except StopIteration as ended:
                return ended.value

    return Watched
