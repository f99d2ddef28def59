"""Resolvers that change what is there: names, descriptions, links, collections, deletion."""

from collections.abc import Callable, Iterable
from typing import Any

from wabucketref.errors import NotFound, UsageError
from wabucketref.server.artifacts.creating import metadata_of
from wabucketref.server.artifacts.reader import Reader, ensure_project, place_of, project_named, reader_of
from wabucketref.server.artifacts.reading import by_id
from wabucketref.server.artifacts.views import CollectionView, MembershipView, tag_view
from wabucketref.server.call import Info
from wabucketref.trackers.embedded.sdk import collections, drafts, dropping, ids, naming, portfolios, versions
from wabucketref.trackers.embedded.sdk.facts import Collection, Version

Input = dict[str, Any]
Answer = dict[str, Any]


def add_aliases(source: Any, info: Info, input: Input) -> Answer:
    """Names for a version, each in a collection that has it."""
    return _with_aliases(reader_of(info), input, naming.give)


def delete_aliases(source: Any, info: Info, input: Input) -> Answer:
    """Names that a version loses."""
    return _with_aliases(reader_of(info), input, naming.take)


def update(source: Any, info: Info, input: Input) -> Answer:
    """Description, metadata, tags and time to live of a version."""
    reader = reader_of(info)
    found = _version(reader, input["artifact_id"])
    changes = versions.Changes(
        description=input.get("description"),
        metadata=None if input.get("metadata") is None else metadata_of(input["metadata"]),
        ttl_seconds=input.get("ttl_duration_seconds"),
        add_tags=_tags(input.get("tags_to_add")),
        drop_tags=_tags(input.get("tags_to_delete")),
    )
    versions.update(reader.connection, found, changes)
    for given in input.get("aliases") or ():
        naming.give(reader.connection, found.collection, found.pk, [given["alias"]])
    return {"artifact": by_id(reader, found.id)}


def delete(source: Any, info: Info, input: Input) -> Answer:
    """Delete a version; its bytes go when no other has them."""
    reader = reader_of(info)
    found = _version(reader, input["artifact_id"])
    versions.delete(reader.connection, found, with_aliases=bool(input.get("delete_aliases")))
    reader.call.discarded.extend(dropping.forget(reader.connection, [found]))
    return {"artifact": {"id": found.id, "state": "DELETED"}}


def link(source: Any, info: Info, input: Input) -> Answer:
    """Put a version into a portfolio, which is made when new."""
    reader = reader_of(info)
    found = _version(reader, input.get("artifact_id") or _of_client(reader, input.get("client_id")))
    portfolio = _portfolio(reader, input, found)
    names = [given["alias"] for given in input.get("aliases") or ()]
    made = portfolios.link(reader.connection, portfolio, found, names)
    return {"version_index": made.number, "artifact_membership": MembershipView(reader, made)}


def unlink(source: Any, info: Info, input: Input) -> Answer:
    """Take a version out of a portfolio."""
    reader = reader_of(info)
    found = _version(reader, input["artifact_id"])
    portfolio = _collection(reader, input["artifact_portfolio_id"], portfolio=True)
    portfolios.unlink(reader.connection, portfolio, found)
    return {"artifact_id": found.id, "success": True}


def update_sequence(source: Any, info: Info, input: Input) -> Answer:
    """Rename and describe a sequence."""
    return _change(reader_of(info), input["artifact_sequence_id"], input, portfolio=False)


def update_portfolio(source: Any, info: Info, input: Input) -> Answer:
    """Rename and describe a portfolio."""
    return _change(reader_of(info), input["artifact_portfolio_id"], input, portfolio=True)


def move_sequence(source: Any, info: Info, input: Input) -> Answer:
    """Give a sequence another type."""
    reader = reader_of(info)
    found = _collection(reader, input["artifact_sequence_id"], portfolio=False)
    collections.move(reader.connection, found, input["destination_artifact_type_name"])
    return {"artifact_collection": CollectionView(reader, collections.require(reader.connection, found.pk))}


def delete_sequence(source: Any, info: Info, input: Input) -> Answer:
    """Delete a sequence with all its versions."""
    reader = reader_of(info)
    found = _collection(reader, input["artifact_sequence_id"], portfolio=False)
    reader.call.discarded.extend(dropping.delete_all(reader.connection, versions.living_in(reader.connection, found)))
    collections.hide(reader.connection, found)
    return {"artifact_collection": CollectionView(reader, found, "DELETED")}


def delete_portfolio(source: Any, info: Info, input: Input) -> Answer:
    """Delete a portfolio; the versions stay where they were made."""
    reader = reader_of(info)
    found = _collection(reader, input["artifact_portfolio_id"], portfolio=True)
    collections.hide(reader.connection, found)
    return {"artifact_collection": CollectionView(reader, found, "DELETED")}


def tag_collection(source: Any, info: Info, input: Input) -> Answer:
    """Tags that a collection gets."""
    reader = reader_of(info)
    names = _tags(input["tags"])
    collections.tag(reader.connection, _named(reader, input), names, ())
    return {"tags": [tag_view(name) for name in names]}


def untag_collection(source: Any, info: Info, input: Input) -> Answer:
    """Tags that a collection loses."""
    reader = reader_of(info)
    collections.tag(reader.connection, _named(reader, input), (), _tags(input["tags"]))
    return {"success": True}


def _with_aliases(reader: Reader, input: Input, act: Callable[..., None]) -> Answer:
    found = _version(reader, input["artifact_id"])
    for given in input["aliases"]:
        collection = _having(reader, _place(reader, given), found)
        act(reader.connection, collection, found.pk, [given["alias"]])
    return {"success": True}


def _having(reader: Reader, place: tuple[str, str, str], found: Version) -> Collection:
    """The collection of that name that has the version."""
    entity, project, name = place
    for collection in collections.by_name(reader.connection, project_named(reader.connection, entity, project), name):
        if naming.membership(reader.connection, collection, found.pk) is not None:
            return collection
    raise NotFound(f"the artifact is not in {entity}/{project}/{name}")


def _place(reader: Reader, given: Input) -> tuple[str, str, str]:
    return *place_of(reader.call, given["entity_name"], given["project_name"]), given["artifact_collection_name"]


def _portfolio(reader: Reader, input: Input, found: Version) -> Collection:
    if input.get("artifact_portfolio_id"):
        return _collection(reader, input["artifact_portfolio_id"], portfolio=True)
    name = input.get("artifact_portfolio_name")
    if not name:
        raise UsageError("give the portfolio's name")
    collections.check_collection_name(name)
    own = found.collection.project
    entity, project = input.get("entity_name") or own.entity, input.get("project_name") or own.name
    project_pk = ensure_project(reader.connection, entity, project)
    return collections.ensure_collection(reader.connection, project_pk, found.collection.type, name, portfolio=True)


def _of_client(reader: Reader, client_id: str | None) -> str:
    found = drafts.of_client(reader.connection, client_id) if client_id else None
    if found is None:
        raise NotFound("there is no such artifact", hint="log it before it is linked")
    return found


def _version(reader: Reader, id: str) -> Version:
    return versions.require(reader.connection, versions.key_of(reader.connection, id))


def _collection(reader: Reader, id: str, *, portfolio: bool) -> Collection:
    found = collections.require(reader.connection, ids.number(ids.COLLECTION, id))
    if found.portfolio != portfolio:
        raise UsageError(f"{found.name} is {'no ' if portfolio else 'a '}portfolio")
    return found


def _named(reader: Reader, input: Input) -> Collection:
    entity, project, name = _place(reader, input)
    found = collections.by_name(reader.connection, project_named(reader.connection, entity, project), name)
    if not found:
        raise NotFound(f"there is no artifact collection {name!r} in {entity}/{project}")
    return found[0]


def _change(reader: Reader, id: str, input: Input, *, portfolio: bool) -> Answer:
    found = _collection(reader, id, portfolio=portfolio)
    collections.change(reader.connection, found, input.get("name"), input.get("description"))
    return {"artifact_collection": CollectionView(reader, collections.require(reader.connection, found.pk))}


def _tags(given: Iterable[Input] | None) -> list[str]:
    return [tag["tag_name"] for tag in given or ()]
