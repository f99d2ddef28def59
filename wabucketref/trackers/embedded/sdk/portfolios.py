"""Portfolios: versions of other collections under numbers and names of their own."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from wabucketref.errors import NotFound
from wabucketref.trackers.embedded.infos import LIVING
from wabucketref.trackers.embedded.names import LATEST
from wabucketref.trackers.embedded.schema import alias, sequence, version
from wabucketref.trackers.embedded.sdk import collections, naming
from wabucketref.trackers.embedded.sdk.facts import Collection, Membership, Version
from wabucketref.trackers.embedded.sdk.tables import member


def link(connection: Connection, portfolio: Collection, found: Version, names: Sequence[str]) -> Membership:
    """Put a version into a portfolio, as its latest; it keeps its number there when it was in it before."""
    known = naming.membership(connection, portfolio, found.pk)
    if known is None:
        number = connection.execute(select(sequence.c.next_number).where(sequence.c.id == portfolio.pk)).scalar_one()
        connection.execute(sequence.update().where(sequence.c.id == portfolio.pk).values(next_number=number + 1))
        row = {"sequence_pk": portfolio.pk, "version_pk": found.pk, "number": number, "created": datetime.now(UTC)}
        connection.execute(member.insert().values(row))
    naming.give(connection, portfolio, found.pk, [*names, LATEST])
    return require(connection, portfolio, found.pk)


def unlink(connection: Connection, portfolio: Collection, found: Version) -> None:
    """Take a version out of a portfolio; ``latest`` then names the newest left there."""
    connection.execute(member.delete().where(member.c.sequence_pk == portfolio.pk, member.c.version_pk == found.pk))
    here = (alias.c.sequence_pk == portfolio.pk) & (alias.c.version_pk == found.pk)
    connection.execute(alias.delete().where(here))
    newest = naming.find_in(connection, portfolio, LATEST)
    if newest is not None:
        naming.give(connection, portfolio, newest.version_pk, [LATEST])


def require(connection: Connection, collection: Collection, version_pk: int) -> Membership:
    """The version as one of the collection. Raises NotFound."""
    found = naming.membership(connection, collection, version_pk)
    if found is None:
        raise NotFound(f"the artifact is not in {collection.name}")
    return found


def memberships(connection: Connection, found: Version) -> Sequence[Membership]:
    """The collections that have the version: first the one it was made in."""
    rows = connection.execute(
        collections.select_collections(member.c.number, member.c.created.label("linked"))
        .join(member, member.c.sequence_pk == sequence.c.id)
        .join(version, version.c.id == member.c.version_pk)
        .where(member.c.version_pk == found.pk, collections.LISTED, LIVING)
        .order_by(member.c.id)
    )
    linked = [Membership(collections.collection_of(row), found.pk, row.number, row.linked) for row in rows]
    return [Membership(found.collection, found.pk, found.number, found.created), *linked]
