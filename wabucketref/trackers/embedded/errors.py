"""The edge to the database: its exceptions become ours here, by table, and nowhere else."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import exc

from wabucketref.errors import (
    InvalidValue,
    LocalIOError,
    NotAuthorised,
    SettingsError,
    TransientError,
    WaBucketError,
)

_Kind = tuple[type[WaBucketError], str, str]

_LOCKED: Final[_Kind] = (TransientError, "is locked by another process", "try again when the other process is done")
_DAMAGED: Final[_Kind] = (
    WaBucketError,
    "is damaged or not a catalog",
    "move the catalog file (and its -wal and -shm) aside; a new one is made, the bytes in the buckets are safe",
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
_LOGIN: Final[_Kind] = (NotAuthorised, "refused the credentials", "check user, password and rights in the database")

_POSTGRES: Final[dict[str, _Kind]] = {
    # Classes of SQLSTATE: connection, resources, operator intervention, rollback, login, object state.
    "08": _AWAY,
    "53": _AWAY,
    "57": _AWAY,
    "40": (TransientError, "gave up the transaction", "try again"),
    "28": _LOGIN,
    "42501": _LOGIN,
    "55P03": _LOCKED,
    "3D000": (SettingsError, "names a database that does not exist", "create the database first"),
    "22P05": (InvalidValue, "was given text it cannot hold", "remove NUL characters"),
}


@contextmanager
def mapped(where: str) -> Iterator[None]:
    """Turn what the database raises inside the block into our kinds; `where` names the catalog, without secrets."""
    try:
        yield
    except (exc.StatementError, sqlite3.Error, UnicodeEncodeError, OverflowError) as error:
        origin = getattr(error, "orig", None) or error
        if isinstance(origin, WaBucketError):  # raised by a column type of ours
            raise origin from error
        raise _translate(origin, where) from error
    except (exc.ArgumentError, exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise SettingsError(
            f"{where} cannot be opened: {_first_line(error)}",
            hint="use sqlite:////path or postgresql://user@host/database (pip install 'wabucketref[postgres]')",
        ) from error
    except exc.TimeoutError as error:
        raise TransientError(f"{where} has no connection free", hint="try again") from error
    except exc.SQLAlchemyError as error:
        raise WaBucketError(f"{where} failed: {_first_line(error)}", hint="run again with -v and report it") from error


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


def _translate(error: BaseException, where: str) -> WaBucketError:
    kind, what, hint = _kind(error) or (WaBucketError, f"failed: {_first_line(error)}", "run again with -v")
    return kind(f"{where} {what}", hint=hint)


def _kind(error: BaseException) -> _Kind | None:
    if isinstance(error, UnicodeEncodeError | OverflowError):
        return _FOREIGN
    if isinstance(error, sqlite3.Error):
        return _SQLITE.get(_code(error))
    state = getattr(error, "sqlstate", None)
    if state is None:
        # The driver met no server at all, so no server gave a state.
        return _AWAY if type(error).__name__ in ("OperationalError", "InterfaceError") else None
    return _POSTGRES.get(state) or _POSTGRES.get(state[:2])


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
