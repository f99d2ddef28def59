"""Bytes of files, one object for each content of a project, and which of them nothing needs any more."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, select

from wabucketref.trackers.embedded.rows import insert_missing
from wabucketref.trackers.embedded.schema import artifact_type, sequence
from wabucketref.trackers.embedded.sdk.tables import blob, draft, entry

Item = TypeVar("Item")
_AT_ONCE: Final = 500
_UNFINISHED: Final = timedelta(hours=24)
"""For so long a draft may still come to need bytes that the server said it has."""


@dataclass(frozen=True, slots=True)
class Blob:
    """One object."""

    pk: int
    key: str
    size: int | None
    """None until the bytes are there."""
    draft_pk: int
    """The draft that brought it first."""


def reserve(
    connection: Connection, project_pk: int, draft_pk: int, digests: Iterable[str], new_key: Callable[[], str]
) -> Mapping[str, Blob]:
    """The object of each content, made (without bytes yet) where the project has none."""
    wanted = dict.fromkeys(digests)
    found = of_digests(connection, project_pk, wanted)
    now = datetime.now(UTC)
    for digest in wanted:
        if digest not in found:
            facts = {"project_pk": project_pk, "digest": digest, "draft_pk": draft_pk, "created": now}
            insert_missing(connection, blob.name, {**facts, "key": new_key()})
    return of_digests(connection, project_pk, wanted)


def of_digests(connection: Connection, project_pk: int, digests: Iterable[str]) -> dict[str, Blob]:
    """The objects that the project has for these contents."""
    found: dict[str, Blob] = {}
    for some in _batches(digests):
        rows = connection.execute(
            select(blob.c.id, blob.c.key, blob.c.size, blob.c.draft_pk, blob.c.digest).where(
                blob.c.project_pk == project_pk, blob.c.digest.in_(some)
            )
        )
        found |= {row.digest: Blob(row.id, row.key, row.size, row.draft_pk) for row in rows}
    return found


def of_entries(connection: Connection, pks: Iterable[int]) -> Mapping[int, Blob]:
    """The objects with these keys of the database."""
    found: dict[int, Blob] = {}
    for some in _batches(dict.fromkeys(pks)):
        rows = connection.execute(
            select(blob.c.id, blob.c.key, blob.c.size, blob.c.draft_pk).where(blob.c.id.in_(some))
        )
        found |= {row.id: Blob(row.id, row.key, row.size, row.draft_pk) for row in rows}
    return found


def stored(connection: Connection, pk: int, size: int) -> bool:
    """Note that the bytes are there. False when the object was forgotten meanwhile."""
    return connection.execute(blob.update().where(blob.c.id == pk).values(size=size)).rowcount > 0


def forget_unused(connection: Connection, project_pk: int) -> Sequence[str]:
    """Forget the objects that no version has, and return their keys in the bucket.

    None while a draft is being made in the project: it may have been told that they are there.
    """
    pending = (
        select(draft.c.id)
        .join(sequence, sequence.c.id == draft.c.sequence_pk)
        .join(artifact_type, artifact_type.c.id == sequence.c.type_pk)
        .where(
            artifact_type.c.project_pk == project_pk,
            draft.c.version_pk.is_(None),
            draft.c.created > datetime.now(UTC) - _UNFINISHED,
        )
    )
    if connection.scalar(pending.limit(1)) is not None:
        return ()
    unused: Any = ~select(entry.c.version_pk).where(entry.c.blob_pk == blob.c.id).exists()
    rows = connection.execute(select(blob.c.id, blob.c.key).where(blob.c.project_pk == project_pk, unused)).all()
    for some in _batches(row.id for row in rows):
        connection.execute(blob.delete().where(blob.c.id.in_(some)))
    return [row.key for row in rows]


def _batches(items: Iterable[Item]) -> Iterator[Sequence[Item]]:
    left = iter(items)
    while some := tuple(islice(left, _AT_ONCE)):
        yield some
