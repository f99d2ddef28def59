"""The schema of a catalog: made, recognised, brought up to date.

A file at the newest revision costs one query, for which this is not loaded. A fresh catalog is made from the tables
directly and stamped; Alembic, which takes longer to import than a small upload takes in all, is imported only to
migrate an older one.
"""

import logging
import os
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, inspect, select, text

from wabucketref.errors import CatalogDamaged, UpgradeRequired, WaBucketError
from wabucketref.failpoints import hit
from wabucketref.trackers.embedded import postgres
from wabucketref.trackers.embedded.engine import Catalog
from wabucketref.trackers.embedded.errors import mapped
from wabucketref.trackers.embedded.links import REVISIONS

log = logging.getLogger(__name__)

stamp = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


@dataclass(frozen=True, slots=True)
class Scripts:
    """A directory of migrations and its revisions, oldest first."""

    location: Path
    revisions: tuple[str, ...]

    @property
    def head(self) -> str:
        return self.revisions[-1]


SHIPPED: Final = Scripts(Path(__file__).with_name("migrations"), REVISIONS)


def ensure_schema(catalog: Catalog, scripts: Scripts = SHIPPED) -> bool:
    """Bring `catalog` to the newest schema; True when it was empty and has been made anew.

    Raises:
        UpgradeRequired: a newer release wrote it.
        WaBucketError: it is not a catalog, or a migration failed (nothing has changed then).
    """
    with catalog.read() as connection:
        found = _revision(connection, catalog.where)
    if found == scripts.head:
        return False
    if found is not None:
        _refuse_newer(found, scripts, catalog.where)
        _migrate(catalog, scripts)
        return False
    return _make(catalog, scripts)


def _make(catalog: Catalog, scripts: Scripts) -> bool:
    from wabucketref.trackers.embedded.sdk.tables import metadata  # with the tables of the server

    with catalog.write() as connection:
        postgres.take_turn(connection, postgres.MIGRATION)
        if _revision(connection, catalog.where) is not None:
            return False  # another process was first
        metadata.create_all(connection, checkfirst=False)
        stamp.create(connection)
        connection.execute(stamp.insert().values(version_num=scripts.head))
    return True


def _migrate(catalog: Catalog, scripts: Scripts) -> None:
    """Backup (of a file; a server's is its owner's to make), then all revisions in one transaction."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    settings = Config()
    settings.set_main_option("script_location", str(scripts.location).replace("%", "%%"))
    with catalog.alter() as connection:
        found = _revision(connection, catalog.where)
        if found is None or found == scripts.head:
            return
        _refuse_newer(found, scripts, catalog.where)
        if catalog.file is not None:
            with mapped(catalog.where):
                _backup(catalog.file, found)
        hit("catalog.backed_up")
        settings.attributes["connection"] = connection
        try:
            command.upgrade(settings, scripts.head)
        except CommandError as error:
            raise WaBucketError(f"{catalog.where} cannot be migrated: {error}", hint="nothing was changed") from error
        _check_references(connection, catalog.where)
    if catalog.file is None:
        log.warning(
            "%s was migrated from schema %s to %s: all who use it need this release now; "
            "a backup is yours to make (`pg_dump`) before the next upgrade",
            catalog.where,
            found,
            scripts.head,
        )


def _revision(connection: Connection, where: str) -> str | None:
    """The stored revision, None for an empty database."""
    if connection.dialect.has_table(connection, stamp.name):
        rows = connection.scalars(select(stamp.c.version_num)).all()
        if len(rows) == 1:
            return str(rows[0])
        raise CatalogDamaged(f"{where} has no single schema revision")
    if inspect(connection).get_table_names():
        raise WaBucketError(
            f"{where} is another program's database", hint="choose another catalog or move that database aside"
        )
    return None


def _refuse_newer(found: str, scripts: Scripts, where: str) -> None:
    if found not in scripts.revisions:
        raise UpgradeRequired(
            f"{where} has the schema {found}; this release knows up to {scripts.head}", hint="upgrade wabucket"
        )


def _backup(file: str, revision: str) -> None:
    """Copy the database, as it is, to ``FILE.REVISION.bak``; a partial copy never has that name."""
    handle, unfinished = tempfile.mkstemp(prefix=".catalog-", dir=os.path.dirname(file))
    os.close(handle)
    try:
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(unfinished)) as target:
            source.backup(target)
        os.replace(unfinished, f"{file}.{revision}.bak")
    except BaseException:
        os.unlink(unfinished)
        raise


def _check_references(connection: Connection, where: str) -> None:
    """What foreign keys would have said, had they been on: tables are rebuilt while they are off."""
    if connection.dialect.name == "sqlite" and connection.execute(text("PRAGMA foreign_key_check")).first():
        raise WaBucketError(f"{where} would lose references when migrated", hint="report this; nothing was changed")
