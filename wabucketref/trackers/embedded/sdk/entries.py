"""The files of versions: written when one is committed, read in pages."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, select

from wabucketref.trackers.embedded.rows import insert_many
from wabucketref.trackers.embedded.sdk import paging
from wabucketref.trackers.embedded.sdk.facts import File
from wabucketref.trackers.embedded.sdk.tables import blob, entry
from wabucketref.trackers.embedded.sql import encode

_AT_ONCE: Final = 5_000


def add(connection: Connection, version_pk: int, files: Iterable[File]) -> None:
    """Write the files of a version."""
    rows = [
        (version_pk, file.path, file.digest, file.size, file.ref, file.blob_pk, encode(dict(file.extra)))
        for file in files
    ]
    insert_many(connection, entry.name, entry.columns.keys(), rows)


def drop(connection: Connection, version_pk: int) -> None:
    """Forget the files of a version."""
    connection.execute(entry.delete().where(entry.c.version_pk == version_pk))


def read(connection: Connection, version_pk: int) -> Iterator[File]:
    """All files of a version by path."""
    wanted = _of(version_pk).order_by(entry.c.path).execution_options(yield_per=_AT_ONCE)
    return map(_file, connection.execute(wanted))


def named(connection: Connection, version_pk: int, paths: Sequence[str]) -> Mapping[str, File]:
    """Some files of a version."""
    rows = connection.execute(_of(version_pk).where(entry.c.path.in_(paths)))
    return {row.path: _file(row) for row in rows}


def page(
    connection: Connection, version_pk: int, names: Sequence[str] | None, after: str | None, first: int | None
) -> paging.Page[File]:
    """Files of a version by path, of some names if given."""
    wanted = _of(version_pk)
    if names is not None:
        wanted = wanted.where(entry.c.path.in_(names))
    rows = paging.cut(connection, wanted, paging.Order(entry.c.path, entry.c.path), after, first)
    return paging.Page([_file(row) for row in rows.items], rows.cursors, rows.more, rows.total)


def _of(version_pk: int) -> Select[Any]:
    columns = (entry.c.path, entry.c.digest, entry.c.size, entry.c.ref, entry.c.blob_pk, entry.c.extra)
    return (
        select(*columns, blob.c.draft_pk)
        .outerjoin(blob, blob.c.id == entry.c.blob_pk)
        .where(entry.c.version_pk == version_pk)
    )


def _file(row: Row[Any]) -> File:
    return File(row.path, row.digest, row.size, row.ref, row.blob_pk, row.draft_pk, row.extra)
