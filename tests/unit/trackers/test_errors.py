"""Each foreign error has one meaning."""

import sqlite3
import traceback
from contextlib import closing

import pytest
from sqlalchemy import exc

from tests.unit.trackers.helpers import run
from wabucketref.errors import (
    CatalogDamaged,
    InvalidValue,
    LocalIOError,
    NotAuthorised,
    SettingsError,
    TransientError,
    WaBucketError,
)
from wabucketref.trackers.embedded.errors import mapped
from wabucketref.trackers.embedded.tracker import EmbeddedTracker


def from_sqlite(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("the database said no")
    error.sqlite_errorcode = code  # type: ignore[misc]
    return error


def from_postgres(state: str | None, name: str = "OperationalError") -> Exception:
    return type(name, (Exception,), {"sqlstate": state})("FATAL: no")


@pytest.mark.parametrize(
    ("origin", "kind"),
    [
        (from_sqlite(sqlite3.SQLITE_BUSY), TransientError),
        (from_sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT), TransientError),
        (from_sqlite(sqlite3.SQLITE_FULL), LocalIOError),
        (from_sqlite(sqlite3.SQLITE_IOERR_FSYNC), LocalIOError),
        (from_sqlite(sqlite3.SQLITE_READONLY_DBMOVED), NotAuthorised),
        (from_sqlite(sqlite3.SQLITE_PERM), NotAuthorised),
        (from_sqlite(sqlite3.SQLITE_TOOBIG), InvalidValue),
        (from_sqlite(sqlite3.SQLITE_CORRUPT_VTAB), CatalogDamaged),
        (from_sqlite(sqlite3.SQLITE_ERROR), WaBucketError),
        (from_postgres(None), TransientError),
        (from_postgres("57P01"), TransientError),
        (from_postgres("40001"), TransientError),
        (from_postgres("55P03"), TransientError),
        (from_postgres("28P01"), NotAuthorised),
        (from_postgres("42501"), NotAuthorised),
        (from_postgres("3D000"), SettingsError),
        (from_postgres("42P01", "ProgrammingError"), WaBucketError),
        (from_postgres(None, "DataError"), InvalidValue),
        (from_postgres("22003", "DataError"), InvalidValue),
        (from_postgres("23505", "IntegrityError"), TransientError),
        (from_postgres("25006", "InternalError"), TransientError),
        (from_postgres("53300"), TransientError),
        (from_postgres("57014"), TransientError),
        (from_postgres("XX001", "InternalError"), WaBucketError),
    ],
    ids=str,
)
def test_table(origin: Exception, kind: type[WaBucketError]) -> None:
    with pytest.raises(WaBucketError) as caught, mapped("the catalog x"):
        raise exc.DBAPIError("SELECT 1", {}, origin)
    assert type(caught.value) is kind
    assert caught.value.message.startswith("the catalog x ")
    assert caught.value.hint
    assert isinstance(caught.value.__cause__, exc.DBAPIError)


def test_bare_sqlite_errors_are_mapped_too() -> None:
    with pytest.raises(TransientError), mapped("c"):
        raise from_sqlite(sqlite3.SQLITE_LOCKED)


def test_our_own_errors_pass() -> None:
    ours = InvalidValue("x")
    with pytest.raises(InvalidValue) as caught, mapped("c"):
        raise exc.StatementError("wrapped", "SELECT 1", {}, ours)
    assert caught.value is ours


def test_a_pool_that_waited_too_long() -> None:
    with pytest.raises(TransientError), mapped("c"):
        raise exc.TimeoutError


@pytest.mark.parametrize("url", ["postgresql://me:hunter2@127.0.0.1:1/db", "postgresql+nosuch://me:hunter2@h/db"])
def test_a_server_that_cannot_be_reached_is_named_without_its_password(url: str) -> None:
    with pytest.raises(WaBucketError) as caught:
        EmbeddedTracker(url)
    text = "".join(traceback.format_exception(caught.value)) + str(caught.value.hint)
    assert "hunter2" not in text.replace(f"EmbeddedTracker({url!r})", "").replace(url, "")
    assert isinstance(caught.value, SettingsError | TransientError)  # without the driver it is a missing extra


def test_values_are_not_in_messages(url: str) -> None:
    with closing(EmbeddedTracker(url)) as tracker, pytest.raises(InvalidValue) as caught:
        run(tracker, config={"token": "hunter2"}, notes="\ud800")
    assert "hunter2" not in "".join(traceback.format_exception(caught.value)).replace('{"token": "hunter2"}', "")
