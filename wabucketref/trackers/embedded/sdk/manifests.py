"""Manifests of drafts: room for them, and which of them have come."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from wabucketref.errors import NotFound
from wabucketref.trackers.embedded.sdk.tables import manifest


@dataclass(frozen=True, slots=True)
class Manifest:
    """One manifest of a draft, as uploaded or to be."""

    pk: int
    draft_pk: int
    kind: str
    base: str | None
    key: str
    stored: bool


def add(connection: Connection, draft_pk: int, kind: str, base: str | None, new_key: Callable[[], str]) -> Manifest:
    """Room for one manifest of the draft."""
    pk = connection.execute(
        manifest.insert()
        .returning(manifest.c.id)
        .values(draft_pk=draft_pk, kind=kind, base=base, key=new_key(), stored=False)
    ).scalar_one()
    return require(connection, pk)


def require(connection: Connection, pk: int | None) -> Manifest:
    """One manifest. Raises NotFound."""
    row = connection.execute(select(manifest).where(manifest.c.id == pk)).first()
    if row is None:
        raise NotFound("there is no such artifact manifest")
    return _manifest(row)


def rebase(connection: Connection, pk: int, base: str) -> None:
    """Let a manifest start from another version."""
    connection.execute(manifest.update().where(manifest.c.id == pk).values(base=base))


def mark_stored(connection: Connection, pk: int) -> bool:
    """Note that its bytes are there. False when it was merged meanwhile."""
    return connection.execute(manifest.update().where(manifest.c.id == pk).values(stored=True)).rowcount > 0


def stored(connection: Connection, draft_pk: int) -> Sequence[Manifest]:
    """The manifests whose bytes are there, oldest first."""
    rows = connection.execute(
        select(manifest).where(manifest.c.draft_pk == draft_pk, manifest.c.stored).order_by(manifest.c.id)
    )
    return [_manifest(row) for row in rows]


def forget(connection: Connection, draft_pk: int) -> Sequence[str]:
    """Forget the manifests of the draft; their keys in the bucket."""
    keys = connection.scalars(select(manifest.c.key).where(manifest.c.draft_pk == draft_pk)).all()
    connection.execute(manifest.delete().where(manifest.c.draft_pk == draft_pk))
    return keys


def _manifest(row: Row[Any]) -> Manifest:
    return Manifest(row.id, row.draft_pk, row.kind, row.base, row.key, row.stored)
