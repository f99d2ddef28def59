"""Resolvers that read: artifacts by id and by name, types, collections, lineage."""

import json
from collections.abc import Sequence
from typing import Any

from wabucketref.errors import UsageError
from wabucketref.server.artifacts.reader import Reader, connection_of, reader_of
from wabucketref.server.artifacts.views import (
    AliasView,
    ArtifactView,
    CollectionView,
    DraftView,
    MembershipView,
    TypeView,
    artifact_view,
    artifact_views,
)
from wabucketref.server.call import Info
from wabucketref.server.paging import Page, listed
from wabucketref.server.runs.projects import ProjectView
from wabucketref.server.runs.views import RunView, read_runs, select_runs
from wabucketref.trackers.embedded.schema import run
from wabucketref.trackers.embedded.sdk import collections, drafts, ids, naming, portfolios, types, uses, versions
from wabucketref.trackers.embedded.sdk.facts import Alias, Collection


def artifact(source: Any, info: Info, id: str) -> ArtifactView | DraftView | None:
    """One artifact by its id, committed or not."""
    return by_id(reader_of(info), id)


def by_id(reader: Reader, id: str) -> ArtifactView | DraftView | None:
    """What an id names; None for none and for what was deleted."""
    pk = versions.key_of(reader.connection, id)
    if pk is not None:
        found = artifact_view(reader, pk)
        return None if found is None or found.facts.removed else found
    draft = drafts.get(reader.connection, ids.artifact_keys(id)[1])
    return None if draft is None else DraftView(reader, id, draft)


def collection(source: Any, info: Info, id: str) -> CollectionView | None:
    """One collection by its id."""
    reader = reader_of(info)
    pk = ids.number(ids.COLLECTION, id)
    found = None if pk is None else collections.get(reader.connection, pk)
    return None if found is None else CollectionView(reader, found)


def client_id_mapping(source: Any, info: Info, client_id: str) -> dict[str, str] | None:
    """The id of what a client created under an id of its own."""
    found = drafts.of_client(reader_of(info).connection, client_id)
    return None if found is None else {"server_id": found}


def artifact_of_project(
    source: ProjectView, info: Info, name: str, enable_tracking: bool | None = None
) -> ArtifactView | None:
    """The artifact ``NAME:ALIAS`` or ``NAME:vN``."""
    reader = reader_of(info)
    found = naming.find(reader.connection, source.pk, name)
    return None if found is None else artifact_view(reader, found.version_pk)


def membership_of_project(source: ProjectView, info: Info, name: str) -> MembershipView | None:
    """As :func:`artifact_of_project`, within its collection."""
    reader = reader_of(info)
    found = naming.find(reader.connection, source.pk, name)
    return None if found is None else MembershipView(reader, found)


def type_of_project(source: ProjectView, info: Info, name: str) -> TypeView | None:
    """The type of that name."""
    reader = reader_of(info)
    pk = types.named(reader.connection, source.pk, name)
    return None if pk is None else TypeView(reader, pk, name, source.pk)


def types_of_project(source: ProjectView, info: Info, after: str | None = None, first: int | None = None) -> Page:
    """The types that something in the project has."""
    reader = reader_of(info)
    found = types.page(reader.connection, source.pk, after, first)
    return connection_of(found, lambda rows: [TypeView(reader, pk, name, source.pk) for pk, name in rows])


def collection_of_project(source: ProjectView, info: Info, name: str) -> CollectionView | None:
    """The collection of that name."""
    return _named(reader_of(info), source.pk, name, None)


def collections_of_project(
    source: ProjectView,
    info: Info,
    after: str | None = None,
    first: int | None = None,
    filters: str | None = None,
    order: str | None = None,
) -> Page:
    """The collections of the project."""
    return _collections(reader_of(info), source.pk, None, filters, order, after, first)


def artifact_of_type(source: TypeView, info: Info, name: str) -> ArtifactView | None:
    """The artifact ``NAME:ALIAS`` or ``NAME:vN`` if it is of the type."""
    reader = reader_of(info)
    found = naming.find(reader.connection, source.project_pk, name)
    if found is None or found.collection.type != source.name:
        return None
    return artifact_view(reader, found.version_pk)


def collection_of_type(source: TypeView, info: Info, name: str) -> CollectionView | None:
    """The collection of that name and of the type."""
    return _named(reader_of(info), source.project_pk, name, source.name)


def collections_of_type(
    source: TypeView,
    info: Info,
    after: str | None = None,
    first: int | None = None,
    filters: str | None = None,
    order: str | None = None,
) -> Page:
    """The collections of the type."""
    return _collections(reader_of(info), source.project_pk, source.name, filters, order, after, first)


def aliases_of_collection(
    source: CollectionView, info: Info, after: str | None = None, first: int | None = None
) -> Page:
    """All names in the collection, on one page."""
    names = naming.aliases_in(source.reader.connection, source.facts)
    return listed([AliasView(source.reader, Alias(name, source.facts)) for name in names])


def artifacts_of_collection(
    source: CollectionView,
    info: Info,
    after: str | None = None,
    first: int | None = None,
    filters: str | None = None,
    order: str | None = None,
) -> dict[str, Any]:
    """The versions in the collection."""
    reader = source.reader
    found = versions.page(reader.connection, source.facts, parsed(filters), order, after, first)
    page = connection_of(found, lambda rows: artifact_views(reader, [pk for pk, _ in rows]))
    numbered = zip(found.items, page.edges, strict=True)
    edges = [{"node": edge.node, "cursor": edge.cursor, "version": f"v{number}"} for (_, number), edge in numbered]
    return {"edges": edges, "page_info": page.page_info, "total_count": page.total_count}


def membership_of_collection(source: CollectionView, info: Info, alias_name: str) -> MembershipView | None:
    """The version that has the alias or number in the collection."""
    found = naming.find_in(source.reader.connection, source.facts, alias_name)
    return None if found is None else MembershipView(source.reader, found)


def memberships_of_artifact(
    source: ArtifactView, info: Info, after: str | None = None, first: int | None = None
) -> Page:
    """The collections that have the artifact, on one page."""
    found = portfolios.memberships(source.reader.connection, source.facts)
    return listed([MembershipView(source.reader, one) for one in found])


def creator_of_artifact(source: ArtifactView, info: Info) -> RunView | None:
    """The run that logged it first."""
    if source.facts.producer_pk is None:
        return None
    found = read_runs(source.reader.connection, select_runs(run.c.id == source.facts.producer_pk))
    return found[0] if found else None


def users_of_artifact(source: ArtifactView, info: Info, after: str | None = None, first: int | None = None) -> Page:
    """The runs that used it, on one page."""
    pks = uses.users(source.reader.connection, source.facts.pk)
    found = {view.pk: view for view in read_runs(source.reader.connection, select_runs(run.c.id.in_(pks)))}
    return listed([found[pk] for pk in pks])


def inputs_of_run(source: RunView, info: Info, after: str | None = None, first: int | None = None) -> Page:
    """What the run used."""
    reader = reader_of(info)
    found = uses.inputs(reader.connection, source.pk, after, first)
    return connection_of(found, lambda pks: artifact_views(reader, pks))


def outputs_of_run(source: RunView, info: Info, after: str | None = None, first: int | None = None) -> Page:
    """What the run logged."""
    reader = reader_of(info)
    found = uses.outputs(reader.connection, source.pk, after, first)
    return connection_of(found, lambda pks: artifact_views(reader, pks))


def parsed(filters: str | None) -> Any:
    """A filter as sent, which is JSON.

    Raises:
        UsageError: it is not.
    """
    if filters is None:
        return None
    try:
        return json.loads(filters)
    except (ValueError, RecursionError) as error:
        raise UsageError("the filter is not JSON") from error


def _named(reader: Reader, project_pk: int, name: str, kind: str | None) -> CollectionView | None:
    found = collections.by_name(reader.connection, project_pk, name, kind)
    return CollectionView(reader, found[0]) if found else None


def _collections(
    reader: Reader,
    project_pk: int,
    kind: str | None,
    filters: str | None,
    order: str | None,
    after: str | None,
    first: int | None,
) -> Page:
    def views(found: Sequence[Collection]) -> Sequence[CollectionView]:
        return [CollectionView(reader, one) for one in found]

    found = collections.page(reader.connection, project_pk, kind, parsed(filters), order, after, first)
    return connection_of(found, views)
