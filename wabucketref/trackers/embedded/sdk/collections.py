"""Collections: found by name, listed, renamed, moved to another type, tagged, deleted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, func, select

from wabucketref.errors import Conflict, NotFound, UsageError
from wabucketref.trackers.embedded.infos import LIVING
from wabucketref.trackers.embedded.rows import ensure
from wabucketref.trackers.embedded.schema import SERVED, alias, artifact_type, entity, project, sequence, version
from wabucketref.trackers.embedded.sdk import filters, paging
from wabucketref.trackers.embedded.sdk.facts import Collection, ProjectName
from wabucketref.trackers.embedded.sdk.tables import collection_detail, collection_tag, member

INTERNAL = "wandb-"
"""What the names of types that the SDK keeps for itself begin with."""


@dataclass(frozen=True, slots=True)
class Described:
    """A collection with what is shown of it."""

    collection: Collection
    description: str | None
    created: datetime
    updated: datetime | None
    tags: Sequence[str]


def select_collections(*more: ColumnElement[Any] | Table) -> Select[Any]:
    """All collections, in the columns that :func:`collection_of` reads."""
    return (
        select(
            sequence.c.id,
            sequence.c.name,
            artifact_type.c.name.label("type"),
            collection_detail.c.portfolio,
            project.c.id.label("project_pk"),
            project.c.name.label("project"),
            entity.c.name.label("entity"),
            *more,
        )
        .select_from(sequence)
        .join(artifact_type, artifact_type.c.id == sequence.c.type_pk)
        .join(project, project.c.id == artifact_type.c.project_pk)
        .join(entity, entity.c.id == project.c.entity_pk)
        .outerjoin(collection_detail, collection_detail.c.sequence_pk == sequence.c.id)
    )


def collection_of(row: Row[Any]) -> Collection:
    """The collection of a row of :func:`select_collections`."""
    place = ProjectName(row.project_pk, row.entity, row.project)
    return Collection(row.id, row.name, row.type, bool(row.portfolio), place)


LISTED = collection_detail.c.removed.is_(None)
"""Collections that were not deleted."""


def by_name(connection: Connection, project_pk: int, name: str, kind: str | None = None) -> list[Collection]:
    """The collections of that name, newest first. More than one only where our own command line made them, under
    several types."""
    wanted = select_collections().where(project.c.id == project_pk, sequence.c.name == name, LISTED)
    if kind is not None:
        wanted = wanted.where(artifact_type.c.name == kind)
    return [collection_of(row) for row in connection.execute(wanted.order_by(sequence.c.id.desc()))]


def get(connection: Connection, pk: int | None) -> Collection | None:
    """One collection; None where there is none, or it was deleted."""
    row = connection.execute(select_collections().where(sequence.c.id == pk, LISTED)).first()
    return None if row is None else collection_of(row)


def require(connection: Connection, pk: int | None) -> Collection:
    """As :func:`get`. Raises NotFound."""
    found = get(connection, pk)
    if found is None:
        raise NotFound("there is no such artifact collection", hint="it may have been deleted")
    return found


def describe(connection: Connection, found: Iterable[Collection]) -> list[Described]:
    """The collections with their descriptions and tags, in a fixed number of statements."""
    wanted = list(found)
    pks = [one.pk for one in wanted]
    details = {
        row.sequence_pk: row
        for row in connection.execute(select(collection_detail).where(collection_detail.c.sequence_pk.in_(pks)))
    }
    moments = connection.execute(
        select(version.c.sequence_pk, func.min(version.c.created).label("moment"))
        .where(version.c.sequence_pk.in_(pks))
        .group_by(version.c.sequence_pk)
    )
    first = {row.sequence_pk: row.moment for row in moments}
    tags: dict[int, list[str]] = {}
    for pk, name in connection.execute(
        select(collection_tag).where(collection_tag.c.sequence_pk.in_(pks)).order_by(collection_tag.c.name)
    ):
        tags.setdefault(pk, []).append(name)
    return [_described(one, details.get(one.pk), first.get(one.pk), tags.get(one.pk, ())) for one in wanted]


def _described(one: Collection, detail: Row[Any] | None, first: datetime | None, tags: Sequence[str]) -> Described:
    if detail is None:
        return Described(one, None, first or datetime.fromtimestamp(0, UTC), None, tags)
    return Described(one, detail.description, detail.created, detail.updated, tags)


def page(
    connection: Connection,
    project_pk: int,
    kind: str | None,
    given: Any,
    order: str | None,
    after: str | None,
    first: int | None,
) -> paging.Page[Collection]:
    """The collections of a project, of one type if given, newest first unless ordered."""
    columns = {
        "name": sequence.c.name,
        "type": artifact_type.c.name,
        "createdAt": func.coalesce(collection_detail.c.created, _first_version()),
        "created_at": func.coalesce(collection_detail.c.created, _first_version()),
        "id": sequence.c.id,
    }
    wanted = select_collections().where(project.c.id == project_pk, LISTED, _shown())
    if kind is not None:
        wanted = wanted.where(artifact_type.c.name == kind)
    if given is not None:
        wanted = wanted.where(filters.condition(given, columns))
    by, descending = filters.ordering(order, columns, "-id")
    rows = paging.cut(connection, wanted, paging.Order(by, sequence.c.id, descending), after, first)
    return paging.Page([collection_of(row) for row in rows.items], rows.cursors, rows.more, rows.total)


def _first_version() -> Any:
    return select(func.min(version.c.created)).where(version.c.sequence_pk == sequence.c.id).scalar_subquery()


def _shown() -> ColumnElement[bool]:
    """Portfolios, and sequences that have a version left."""
    living = select(version.c.id).where(version.c.sequence_pk == sequence.c.id, LIVING).exists()
    return collection_detail.c.portfolio.is_(True) | living


def ensure_collection(connection: Connection, project_pk: int, kind: str, name: str, *, portfolio: bool) -> Collection:
    """The collection of that name, made when there is none and locked until the transaction ends.

    Raises:
        Conflict: the name is another type's, or that of the other kind of collection.
    """
    for one in by_name(connection, project_pk, name):
        if one.type == kind and one.portfolio == portfolio:
            return _locked(connection, one)
        what = "a portfolio" if one.portfolio else f"of type {one.type!r}"
        raise Conflict(
            f"artifact collection {name!r} is {what} already; cannot make one of type {kind!r}",
            hint="choose another name, or the type it has",
        )
    now = datetime.now(UTC)
    type_pk = ensure(connection, artifact_type.name, {"project_pk": project_pk, "name": kind})
    pk = ensure(connection, sequence.name, {"type_pk": type_pk, "name": name}, next_number=0)
    detail = collection_detail.c
    connection.execute(collection_detail.delete().where(detail.sequence_pk == pk))
    connection.execute(collection_detail.insert().values(sequence_pk=pk, portfolio=portfolio, created=now))
    return _locked(connection, require(connection, pk))


def _locked(connection: Connection, one: Collection) -> Collection:
    if connection.dialect.name != "sqlite":  # there, BEGIN IMMEDIATE is the lock
        connection.execute(select(sequence.c.id).where(sequence.c.id == one.pk).with_for_update(key_share=True))
    return one


def change(connection: Connection, one: Collection, name: str | None, description: str | None) -> None:
    """Rename and describe a collection.

    Raises:
        Conflict: the name is taken, or its files lie under the old one.
        UsageError: it is no name.
    """
    if name is not None and name != one.name:
        check_collection_name(name)
        _only_served(connection, one)
        if by_name(connection, one.project.pk, name):
            raise Conflict(f"artifact collection {name!r} exists already", hint="choose another name")
        _free_name(connection, one.project.pk, name)
        connection.execute(sequence.update().where(sequence.c.id == one.pk).values(name=name))
    values = {} if description is None else {"description": description}
    _detail(connection, one, updated=datetime.now(UTC), **values)


def move(connection: Connection, one: Collection, kind: str) -> None:
    """Give a sequence another type.

    Raises:
        Conflict: the type is the SDK's own, or its files lie under the old one.
    """
    if one.type.startswith(INTERNAL):
        raise Conflict(f"{one.type!r} is an internal type and cannot be changed", hint="log a new artifact instead")
    if kind.startswith(INTERNAL):
        raise Conflict(f"the type {kind!r} is reserved for internal use", hint="choose another type")
    check_type_name(kind)
    if kind != one.type:
        _only_served(connection, one)
        type_pk = ensure(connection, artifact_type.name, {"project_pk": one.project.pk, "name": kind})
        connection.execute(sequence.update().where(sequence.c.id == one.pk).values(type_pk=type_pk))
    _detail(connection, one, updated=datetime.now(UTC))


def hide(connection: Connection, one: Collection) -> None:
    """Mark a collection deleted; what was in it is dealt with by the caller."""
    connection.execute(alias.delete().where(alias.c.sequence_pk == one.pk))
    connection.execute(member.delete().where(member.c.sequence_pk == one.pk))
    connection.execute(collection_tag.delete().where(collection_tag.c.sequence_pk == one.pk))
    _detail(connection, one, removed=datetime.now(UTC))


def tag(connection: Connection, one: Collection, add: Sequence[str], drop: Sequence[str]) -> None:
    """Add and remove tags; both are harmless when done already."""
    for name in add:
        check_tag(name)
    tags = collection_tag.c
    gone = tags.name.in_([*add, *drop])
    connection.execute(collection_tag.delete().where(tags.sequence_pk == one.pk, gone))
    for name in dict.fromkeys(add):
        connection.execute(collection_tag.insert().values(sequence_pk=one.pk, name=name))


def _detail(connection: Connection, one: Collection, **values: Any) -> None:
    detail = collection_detail
    changed = connection.execute(detail.update().where(detail.c.sequence_pk == one.pk).values(**values))
    if changed.rowcount == 0:
        created = connection.scalar(select(func.min(version.c.created)).where(version.c.sequence_pk == one.pk))
        row = {"portfolio": one.portfolio, "created": created or datetime.now(UTC), **values}
        connection.execute(detail.insert().values(sequence_pk=one.pk, **row))


def _only_served(connection: Connection, one: Collection) -> None:
    own = select(version.c.id).where(version.c.sequence_pk == one.pk, version.c.bucket != SERVED, LIVING)
    if connection.scalar(own.limit(1)) is not None:
        raise Conflict(
            f"{one.type}/{one.name} has uploads in a bucket, where they lie under this type and name",
            hint="upload them again under the new one",
        )


def _free_name(connection: Connection, project_pk: int, name: str) -> None:
    """Let a deleted collection give its name away: what is left of it keeps a name that nobody can ask for."""
    taken = (
        select(sequence.c.id)
        .join(artifact_type, artifact_type.c.id == sequence.c.type_pk)
        .where(artifact_type.c.project_pk == project_pk, sequence.c.name == name)
    )
    for pk in connection.scalars(taken).all():
        connection.execute(sequence.update().where(sequence.c.id == pk).values(name=f"{name}/{pk}"))


def check_collection_name(name: str) -> None:
    """Raises UsageError unless `name` may be a collection's, by W&B's rules."""
    if not 0 < len(name) <= 128 or not all(c.isalnum() or c in "_-." for c in name) or name in (".", ".."):
        raise UsageError(
            f"{name[:140]!r} is no name for an artifact collection",
            hint="use 1 to 128 letters, digits, dashes, underscores and dots",
        )


def check_type_name(name: str) -> None:
    """Raises UsageError unless `name` may be a type's, by W&B's rules."""
    if not 0 < len(name) <= 128 or not all(c.isalnum() or c in "_-. " for c in name) or name.strip(" .") == "":
        raise UsageError(
            f"{name[:140]!r} is no name for an artifact type",
            hint="use 1 to 128 letters, digits, dashes, underscores, dots and spaces",
        )


def check_tag(name: str) -> None:
    """Raises UsageError unless `name` may be a tag, by W&B's rules."""
    if not 0 < len(name) <= 128 or name != name.strip() or not all(c.isalnum() or c in "_- " for c in name):
        raise UsageError(
            f"Invalid tag: {name[:140]!r}", hint="use 1 to 128 letters, digits, dashes, underscores and inner spaces"
        )
