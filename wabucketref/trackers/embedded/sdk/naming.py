"""Names of versions within collections: given, taken away, looked up."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, select

from wabucketref.errors import Conflict, NotFound, UsageError
from wabucketref.model.names import version_number
from wabucketref.trackers.embedded.infos import LIVING
from wabucketref.trackers.embedded.names import LATEST, Place, point
from wabucketref.trackers.embedded.schema import SERVED, alias, version
from wabucketref.trackers.embedded.sdk import collections
from wabucketref.trackers.embedded.sdk.facts import Collection, Membership
from wabucketref.trackers.embedded.sdk.tables import member

_other = alias.alias("other")
_newer = version.alias("newer")

SHOWN: ColumnElement[bool] = ~(
    select(_other.c.alias)
    .join(_newer, _newer.c.id == _other.c.version_pk)
    .where(
        _other.c.sequence_pk == alias.c.sequence_pk, _other.c.alias == alias.c.alias, _newer.c.number > version.c.number
    )
    .exists()
)
"""Of a name that versions in several buckets have, the newest has it for the SDK, which knows no buckets."""


def give(connection: Connection, collection: Collection, version_pk: int, names: Iterable[str]) -> None:
    """Let `names` name the version in the collection, wherever they pointed before.

    Raises:
        Conflict: a name is the directory of another upload in the same bucket.
        UsageError: it is no alias.
    """
    bucket = _bucket(connection, collection, version_pk)
    for name in dict.fromkeys(names):
        check_alias(name)
        for holder in _holders(connection, collection, name):
            if holder.version_pk == version_pk or name == LATEST:
                continue
            if holder.first == name and holder.own_bucket != SERVED:
                if holder.bucket == bucket:
                    raise Conflict(
                        f"{collection.type}/{collection.name}:{name} is the directory of another upload",
                        hint="an upload keeps the alias it was uploaded under; choose another name",
                    )
                continue
            connection.execute(alias.delete().where(_row(collection, name), alias.c.bucket == holder.bucket))
        point(connection, Place(collection.pk, bucket), name, version_pk)


def take(connection: Connection, collection: Collection, version_pk: int, names: Iterable[str]) -> None:
    """Take `names` from the version; those that it does not have are taken already.

    Raises:
        Conflict: a name is the directory of the upload.
    """
    for name in dict.fromkeys(names):
        for holder in _holders(connection, collection, name):
            if holder.version_pk != version_pk:
                continue
            if holder.own_bucket != SERVED and not collection.portfolio and name in (holder.first, LATEST):
                raise Conflict(
                    f"{collection.type}/{collection.name}:{name} is the directory of the upload, or its newest",
                    hint="`wabucket rm` removes the upload itself",
                )
            connection.execute(alias.delete().where(_row(collection, name), alias.c.bucket == holder.bucket))


def find(connection: Connection, project_pk: int, reference: str) -> Membership | None:
    """What ``NAME:ALIAS``, ``NAME:vN`` or ``NAME`` (the latest) names in a project."""
    name, _, wanted = reference.partition(":")
    for collection in collections.by_name(connection, project_pk, name):
        found = find_in(connection, collection, wanted or LATEST)
        if found is not None:
            return found
    return None


def find_in(connection: Connection, collection: Collection, name: str) -> Membership | None:
    """The version that has the alias `name`, else the number ``vN``; ``latest`` is the newest where nobody has it."""
    members = select_members(collection)
    found = connection.execute(
        members.join(alias, alias.c.version_pk == version.c.id).where(_row(collection, name)).limit(1)
    ).first()
    number = version_number(name)
    if found is None and number is not None and number < 1 << 31:
        found = connection.execute(members.where(member_number(collection) == number)).first()
    if found is None and name == LATEST:
        found = connection.execute(members.limit(1)).first()
    return None if found is None else membership_of(collection, found)


def membership(connection: Connection, collection: Collection, version_pk: int) -> Membership | None:
    """The version as one of the collection."""
    row = connection.execute(select_members(collection).where(version.c.id == version_pk)).first()
    return None if row is None else membership_of(collection, row)


def select_members(collection: Collection) -> Select[Any]:
    """The living versions of a collection, newest first."""
    if collection.portfolio:
        columns = select(version.c.id, member.c.number, member.c.created)
        wanted = columns.join(member, member.c.version_pk == version.c.id).where(member.c.sequence_pk == collection.pk)
    else:
        columns = select(version.c.id, version.c.number, version.c.created)
        wanted = columns.where(version.c.sequence_pk == collection.pk)
    return wanted.where(LIVING).order_by(member_number(collection).desc())


def member_number(collection: Collection) -> ColumnElement[int]:
    """The column of a version's number in the collection."""
    return member.c.number if collection.portfolio else version.c.number


def membership_of(collection: Collection, row: Row[Any]) -> Membership:
    """The membership of a row of :func:`select_members`."""
    return Membership(collection, row.id, row.number, row.created)


def aliases_in(connection: Connection, collection: Collection) -> Sequence[str]:
    """All names in the collection, each once."""
    rows = connection.scalars(
        select(alias.c.alias)
        .join(version, version.c.id == alias.c.version_pk)
        .where(alias.c.sequence_pk == collection.pk, LIVING)
        .distinct()
        .order_by(alias.c.alias)
    )
    return rows.all()


def check_alias(name: str) -> None:
    """Raises UsageError unless the SDK may give this name."""
    if not 0 < len(name) <= 128 or any(c in "/:" or ord(c) < 32 for c in name):
        raise UsageError(f"{name[:140]!r} is no alias", hint="use 1 to 128 characters without '/' and ':'")
    if version_number(name) is not None:
        raise UsageError(f"{name!r} is a version's number, not an alias", hint="choose another name")


def _bucket(connection: Connection, collection: Collection, version_pk: int) -> str:
    """Under which bucket the names of the version lie in the collection."""
    if collection.portfolio:
        return SERVED
    found = connection.scalar(select(version.c.bucket).where(version.c.id == version_pk))
    if found is None:
        raise NotFound("there is no such artifact", hint="it may have been deleted")
    return str(found)


def _row(collection: Collection, name: str) -> ColumnElement[bool]:
    return (alias.c.sequence_pk == collection.pk) & (alias.c.alias == name)


def _holders(connection: Connection, collection: Collection, name: str) -> Sequence[Row[Any]]:
    wanted: Select[Any] = (
        select(alias.c.bucket, alias.c.version_pk, version.c.alias.label("first"), version.c.bucket.label("own_bucket"))
        .join(version, version.c.id == alias.c.version_pk)
        .where(_row(collection, name))
    )
    return connection.execute(wanted).all()
