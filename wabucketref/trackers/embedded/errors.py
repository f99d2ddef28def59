"""The edge to the database: its exceptions become ours here, by table, and nowhere else."""

import re
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from wabucketref.errors import (
    CatalogDamaged,
    InvalidValue,
    LocalIOError,
    NotAuthorised,
    SettingsError,
    TransientError,
    WaBucketError,
)
from wabucketref.model.redact import redact

_Kind = tuple[type[WaBucketError], str, str]

_LOCKED: Final[_Kind] = (TransientError, "is locked by another process", "try again when the other process is done")
_DAMAGED: Final[_Kind] = (
    CatalogDamaged,
    "is damaged or not a catalog",
    "run `wabucket rebuild`: it moves the file aside and makes a new one; the bytes in the buckets are safe",
)
_FULL: Final[_Kind] = (
    LocalIOError,
    "cannot grow: no space is left",
    "free space or inodes on its disk, then run `wabucket sync`",
)
_IO: Final[_Kind] = (
    LocalIOError,
    "cannot be read or written",
    "check its disk, its free space and free inodes",
)
_REFUSED: Final[_Kind] = (NotAuthorised, "may not be opened or written", "check its owner and permissions")
_FOREIGN: Final[_Kind] = (
    InvalidValue,
    "was given a value it cannot hold",
    "use valid Unicode text, and integers of at most 64 bits for sizes and steps",
)
_TOO_BIG: Final[_Kind] = (InvalidValue, "was given a value that is too big", "record something smaller")

_SQLITE: Final[dict[int, _Kind]] = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_PROTOCOL: _LOCKED,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR: _IO,
    sqlite3.SQLITE_CANTOPEN: _IO,
    sqlite3.SQLITE_NOMEM: _IO,
    sqlite3.SQLITE_READONLY: _REFUSED,
    sqlite3.SQLITE_PERM: _REFUSED,
    sqlite3.SQLITE_AUTH: _REFUSED,
    sqlite3.SQLITE_TOOBIG: _TOO_BIG,
}

_AWAY: Final[_Kind] = (TransientError, "does not answer", "check that the database runs and can be reached")
STANDBY: Final[_Kind] = (
    TransientError,
    "takes no writes",
    "name all servers and target_session_attrs=read-write in its URL, or wait for the failover",
)
_BUSY: Final[_Kind] = (TransientError, "has no connection free", "try again, or raise its max_connections")
_LOGIN: Final[_Kind] = (NotAuthorised, "refused the credentials", "check user, password and rights in the database")

_UNKNOWN: Final[_Kind] = (SettingsError, "names a database that does not exist", "create the database first")

_POSTGRES: Final[dict[str, _Kind]] = {
    # Classes of SQLSTATE: connection, resources, operator intervention, system, rollback, login, constraints, damage.
    "08": _AWAY,
    "53": (TransientError, "has no resources left", "check disk, memory and connections of the database"),
    "57": _AWAY,
    "58": (TransientError, "cannot be read or written", "check the disk of the database"),
    "40": (TransientError, "gave up the transaction", "try again"),
    "28": _LOGIN,
    "23": (TransientError, "was changed by another writer at the same moment", "try again"),
    "XX": (WaBucketError, "is damaged", "restore a backup of the database; the bytes in the buckets are safe"),
    "22003": _FOREIGN,
    "22021": _FOREIGN,
    "22P05": _FOREIGN,
    "25006": STANDBY,
    "25P03": (TransientError, "ended a transaction that stood still for too long", "try again"),
    "3D000": _UNKNOWN,
    "3F000": (NotAuthorised, "has no schema for its tables", "grant USAGE and CREATE on a schema in the search_path"),
    "42501": _LOGIN,
    "53300": _BUSY,
    "55P03": _LOCKED,
    "57014": (TransientError, "took too long over a statement, or was told to stop", "try again"),
}

# Of a connection that is refused libpq hands on the words alone, and no SQLSTATE: those that waiting cannot mend.
_WORDS: Final[tuple[tuple[re.Pattern[str], _Kind], ...]] = (
    (re.compile(r'FATAL:  database ".*" does not exist'), _UNKNOWN),
    (
        re.compile(r"FATAL:  .*(authentication failed|no pg_hba.conf entry|role .* (does not exist|is not permitted))"),
        _LOGIN,
    ),
    (re.compile(r"FATAL:  permission denied|fe_sendauth: no password supplied"), _LOGIN),
    (re.compile(r"FATAL:  (sorry, too many clients|remaining connection slots|too many connections)"), _BUSY),
)


@contextmanager
def mapped(where: str, secrets: Iterable[str] = ()) -> Iterator[None]:
    """Turn what the database raises inside the block into our kinds; `where` names the catalog, without secrets.

    `secrets` are cut from its words.
    """
    try:
        yield
    except (sqlite3.Error, UnicodeEncodeError, OverflowError) as error:
        raise _translate(error, where, secrets) from error
    except ImportError as error:
        raise SettingsError(
            f"{where} needs a driver that is not installed: {_first_line(error)}",
            hint="pip install 'wabucketref[postgres]'",
        ) from error
    except Exception as error:
        ours = _of_engine(error, where, secrets)
        if ours is None:
            raise
        raise ours from error


def _of_engine(error: Exception, where: str, secrets: Iterable[str]) -> WaBucketError | None:
    """Our kind for what SQLAlchemy raises, which nobody does before it is loaded."""
    if "sqlalchemy" not in sys.modules:
        return None
    from sqlalchemy import exc

    if isinstance(error, exc.StatementError):
        origin = error.orig or error
        return origin if isinstance(origin, WaBucketError) else _translate(origin, where, secrets)  # of a column type
    if isinstance(error, exc.ArgumentError | exc.NoSuchModuleError):
        return SettingsError(
            f"{where} cannot be opened: {redact(_first_line(error), secrets)}",
            hint="use sqlite:////path or postgresql://user@host/database",
        )
    if isinstance(error, exc.TimeoutError):
        kind, what, hint = _BUSY
        return kind(f"{where} {what}", hint=hint)
    if isinstance(error, exc.SQLAlchemyError):
        return WaBucketError(f"{where} failed: {_first_line(error)}", hint="run again with -v and report it")
    return None


@contextmanager
def refused(where: str) -> Iterator[None]:
    """Turn what the system says to the moving of a file into our kinds."""
    try:
        yield
    except PermissionError as error:
        raise NotAuthorised(f"{where} cannot be moved aside: {error.strerror}", hint=_REFUSED[2]) from error
    except OSError as error:
        raise LocalIOError(f"{where} cannot be moved aside: {error.strerror}", hint=_IO[2]) from error


def damaged(where: str, what: str) -> WaBucketError:
    """The error for damage that the database itself reports."""
    kind, words, hint = _DAMAGED
    return kind(f"{where} {words}: {what}", hint=hint)


def is_busy(error: sqlite3.Error) -> bool:
    """Whether waiting can help."""
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)


def _code(error: sqlite3.Error) -> int:
    """The primary result code: the low byte of the extended one."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def _translate(error: BaseException, where: str, secrets: Iterable[str]) -> WaBucketError:
    said = redact(_first_line(error), secrets)
    kind, what, hint = _kind(error) or (WaBucketError, f"failed: {said}", "run again with -v")
    return kind(f"{where} {what}: {said}" if (kind, what, hint) == _AWAY else f"{where} {what}", hint=hint)


def _kind(error: BaseException) -> _Kind | None:
    if isinstance(error, UnicodeEncodeError | OverflowError):
        return _FOREIGN
    if isinstance(error, sqlite3.Error):
        return _SQLITE.get(_code(error))
    state = getattr(error, "sqlstate", None)
    return _without_state(error) if state is None else _POSTGRES.get(state) or _POSTGRES.get(state[:2])


def _without_state(error: BaseException) -> _Kind | None:
    """What the driver says by itself: it met no server, or was refused, or a value is none for a database."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "DataError" in kinds:
        return _FOREIGN
    if not kinds & {"OperationalError", "InterfaceError"}:
        return None
    return next((kind for words, kind in _WORDS if words.search(str(error))), _AWAY)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
