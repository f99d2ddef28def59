"""Versions: read many at a time, described, deleted."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, literal, select

from wabucketref.errors import Conflict, NotFound
from wabucketref.trackers.embedded import artifacts
from wabucketref.trackers.embedded.infos import LIVING
from wabucketref.trackers.embedded.names import Place
from wabucketref.trackers.embedded.schema import SERVED, alias, sequence, version
from wabucketref.trackers.embedded.sdk import collections, filters, ids, naming, paging
from wabucketref.trackers.embedded.sdk.facts import Alias, Collection, Version
from wabucketref.trackers.embedded.sdk.tables import collection_detail, draft, member, version_detail, version_tag


@dataclass(frozen=True, slots=True)
class Changes:
    """What an update says of a version; what is None stays as it is."""

    description: str | None = None
    metadata: Mapping[str, Any] | None = None
    ttl_seconds: int | None = None
    """0 or less: none of its own."""
    add_tags: Sequence[str] = ()
    drop_tags: Sequence[str] = ()


def read(connection: Connection, pks: Sequence[int]) -> list[Version]:
    """The versions in the order asked, in a fixed number of statements; those that are not there are left out."""
    rows = connection.execute(
        collections.select_collections(version, version_detail, version.c.id.label("version_pk"))
        .join(version, version.c.sequence_pk == sequence.c.id)
        .outerjoin(version_detail, version_detail.c.version_pk == version.c.id)
        .where(version.c.id.in_(pks))
    ).all()
    names, tags = _aliases(connection, pks), _tags(connection, pks)
    found = {row._mapping[version.c.id]: row for row in rows}
    return [_version(found[pk], tags.get(pk, ()), names.get(pk, ())) for pk in pks if pk in found]


def require(connection: Connection, pk: int | None) -> Version:
    """One living version.

    Raises:
        NotFound: there is none, or it was deleted.
    """
    found = read(connection, [] if pk is None else [pk])
    if not found or found[0].removed:
        raise NotFound("there is no such artifact", hint="it may have been deleted")
    return found[0]


def key_of(connection: Connection, given: str) -> int | None:
    """The version that the id `given` names; None while its draft is not committed, and for anything else."""
    version_pk, draft_pk = ids.artifact_keys(given)
    if draft_pk is not None:
        version_pk = connection.scalar(select(draft.c.version_pk).where(draft.c.id == draft_pk))
    return version_pk


def page(
    connection: Connection,
    collection: Collection,
    given: Any,
    order: str | None,
    after: str | None,
    first: int | None,
) -> paging.Page[tuple[int, int]]:
    """(version, its number there) of a collection, newest first unless ordered."""
    number = naming.member_number(collection)
    columns = {
        "version_index": number,
        "versionIndex": number,
        "createdAt": version.c.created,
        "created_at": version.c.created,
        "size": version.c.bytes,
        "digest": version.c.digest,
        "state": literal("COMMITTED"),
    }
    wanted = naming.select_members(collection).order_by(None)
    if given is not None:
        wanted = wanted.where(filters.condition(given, columns))
    by, descending = filters.ordering(order, columns, "-version_index")
    rows = paging.cut(connection, wanted, paging.Order(by, version.c.id, descending), after, first)
    return paging.Page([(row.id, row.number) for row in rows.items], rows.cursors, rows.more, rows.total)


def update(connection: Connection, found: Version, changes: Changes) -> None:
    """Describe a version anew."""
    if changes.metadata is not None:
        connection.execute(version.update().where(version.c.id == found.pk).values(metadata=dict(changes.metadata)))
    values: dict[str, Any] = {"updated": datetime.now(UTC)}
    if changes.description is not None:
        values["description"] = changes.description
    if changes.ttl_seconds is not None:
        values["ttl_seconds"] = changes.ttl_seconds if changes.ttl_seconds > 0 else None
    detail = version_detail
    changed = connection.execute(detail.update().where(detail.c.version_pk == found.pk).values(**values))
    if changed.rowcount == 0:
        connection.execute(detail.insert().values(version_pk=found.pk, **values))
    tag(connection, found.pk, changes.add_tags, changes.drop_tags)


def tag(connection: Connection, pk: int, add: Sequence[str], drop: Sequence[str]) -> None:
    """Add and remove tags; both are harmless when done already."""
    for name in add:
        collections.check_tag(name)
    gone = version_tag.c.name.in_([*add, *drop])
    connection.execute(version_tag.delete().where(version_tag.c.version_pk == pk, gone))
    for name in dict.fromkeys(add):
        connection.execute(version_tag.insert().values(version_pk=pk, name=name))


def delete(connection: Connection, found: Version, *, with_aliases: bool) -> None:
    """Mark a version deleted. Its entries stay until :func:`entries.drop` is called for it.

    Raises:
        Conflict: it has aliases and shall keep them, or its files lie in a bucket that is not the server's.
    """
    if found.bucket != SERVED:
        raise Conflict(
            f"the files of {found.collection.name}:v{found.number} lie in {found.bucket}",
            hint="`wabucket rm` removes them and the record",
        )
    if not with_aliases and any(one.collection.pk == found.collection.pk for one in found.aliases):
        raise Conflict("the artifact has aliases", hint="delete them too (delete_aliases=True)")
    artifacts.remove(connection, Place(found.collection.pk, SERVED), found.pk)
    connection.execute(member.delete().where(member.c.version_pk == found.pk))
    connection.execute(draft.update().where(draft.c.version_pk == found.pk).values(client_id=None))


def living_in(connection: Connection, collection: Collection) -> Sequence[int]:
    """The living versions made in a sequence."""
    return connection.scalars(select(version.c.id).where(version.c.sequence_pk == collection.pk, LIVING)).all()


def _aliases(connection: Connection, pks: Sequence[int]) -> Mapping[int, Sequence[Alias]]:
    rows = connection.execute(
        collections.select_collections(alias.c.alias.label("given"), alias.c.version_pk)
        .join(alias, alias.c.sequence_pk == sequence.c.id)
        .join(version, version.c.id == alias.c.version_pk)
        .where(alias.c.version_pk.in_(pks), naming.SHOWN, collection_detail.c.removed.is_(None))
        .order_by(alias.c.alias)
    )
    found: defaultdict[int, list[Alias]] = defaultdict(list)
    for row in rows:
        found[row.version_pk].append(Alias(row.given, collections.collection_of(row)))
    return found


def _tags(connection: Connection, pks: Sequence[int]) -> Mapping[int, Sequence[str]]:
    found: defaultdict[int, list[str]] = defaultdict(list)
    for pk, name in connection.execute(
        select(version_tag).where(version_tag.c.version_pk.in_(pks)).order_by(version_tag.c.name)
    ):
        found[pk].append(name)
    return found


def _version(row: Row[Any], tags: Sequence[str], names: Sequence[Alias]) -> Version:
    facts, detail = row._mapping, version_detail.c
    pk = facts[version.c.id]
    return Version(
        pk=pk,
        id=ids.artifact_id(pk, facts[detail.draft_pk]),
        number=facts[version.c.number],
        collection=collections.collection_of(row),
        first=facts[version.c.alias],
        bucket=facts[version.c.bucket],
        uri=facts[version.c.uri],
        digest=facts[version.c.digest] or "",
        files=facts[version.c.files],
        bytes=facts[version.c.bytes],
        metadata=facts[version.c.metadata],
        description=facts[detail.description],
        ttl_seconds=facts[detail.ttl_seconds],
        history_step=facts[detail.history_step],
        region=facts[detail.region],
        created=facts[version.c.created],
        updated=facts[detail.updated],
        removed=facts[version.c.removed] is not None or facts[version.c.replaced_by] is not None,
        producer_pk=facts[version.c.producer_pk],
        tags=tags,
        aliases=names,
    )
