"""Drafts: an artifact from its creation by the SDK to its commit, each step harmless when repeated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from wabucketref.errors import NotFound
from wabucketref.model.run import RunKey
from wabucketref.trackers.embedded.infos import LIVING
from wabucketref.trackers.embedded.names import LATEST, Place, point
from wabucketref.trackers.embedded.rows import insert_missing, require_run
from wabucketref.trackers.embedded.schema import SERVED, run_output, sequence, version
from wabucketref.trackers.embedded.sdk import collections, entries, ids, naming, versions
from wabucketref.trackers.embedded.sdk.facts import Collection, File
from wabucketref.trackers.embedded.sdk.tables import draft, version_detail


@dataclass(frozen=True, slots=True)
class NewDraft:
    """What the SDK says of an artifact when it creates it."""

    type: str
    name: str
    digest: str
    run: RunKey | None = None
    """The run that made it."""
    client_id: str | None = None
    distributed_id: str | None = None
    """Drafts of several runs with one such id are one."""
    unique: bool = True
    """Content that is there already makes no new version."""
    description: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    aliases: Sequence[str] = ()
    tags: Sequence[str] = ()
    ttl_seconds: int | None = None
    history_step: int | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft as it is now."""

    pk: int
    collection: Collection
    version_pk: int | None
    """None until it is committed."""
    digest: str
    """As it was created with."""
    created: datetime


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of an artifact, all manifests merged."""

    digest: str
    files: Sequence[File]
    region: str | None = None

    @property
    def bytes(self) -> int:
        return sum(file.size for file in self.files)


def create(connection: Connection, project_pk: int, new: NewDraft) -> Draft:
    """The draft of an artifact: one that this client made before, one that others write too, or a new one.

    With content that a living version has, it is that version at once, and the aliases move.

    Raises:
        Conflict: the name is another type's.
        NotFound: there is no such run.
    """
    for name in new.aliases:
        naming.check_alias(name)
    for name in new.tags:
        collections.check_tag(name)
    producer_pk = None if new.run is None else require_run(connection, new.run)[0]
    collection = collections.ensure_collection(connection, project_pk, new.type, new.name, portfolio=False)
    found = _known(connection, collection, new)
    if found is not None:
        if found.version_pk is not None:
            naming.give(connection, collection, found.version_pk, [name for name in new.aliases if name != LATEST])
        return found
    same = _same_content(connection, collection, new.digest) if new.unique and new.distributed_id is None else None
    pk = _insert(connection, collection, new, producer_pk, same)
    if same is not None:
        _join(connection, collection, same, producer_pk, pk, new.aliases, new.tags)
    return require(connection, pk)


def get(connection: Connection, pk: int | None) -> Draft | None:
    """One draft; None where there is none, or its collection was deleted."""
    row = connection.execute(select(draft).where(draft.c.id == pk)).first()
    collection = None if row is None else collections.get(connection, row.sequence_pk)
    return None if row is None or collection is None else _draft(row, collection)


def require(connection: Connection, pk: int | None) -> Draft:
    """As :func:`get`. Raises NotFound."""
    found = get(connection, pk)
    if found is None:
        raise NotFound("there is no such artifact", hint="it may have been deleted")
    return found


def of_id(connection: Connection, given: str) -> Draft:
    """The draft that the id `given` names. Raises NotFound."""
    return require(connection, ids.artifact_keys(given)[1])


def of_client(connection: Connection, client_id: str) -> str | None:
    """The id of what a client created under its own id, committed or not."""
    pk = connection.scalar(
        select(draft.c.id).where(draft.c.client_id == client_id).order_by(draft.c.id.desc()).limit(1)
    )
    return None if pk is None else public_id(connection, pk)


def public_id(connection: Connection, pk: int) -> str:
    """The id by which a draft goes: once it is committed, that of its version."""
    row = connection.execute(
        select(draft.c.version_pk, version_detail.c.draft_pk)
        .outerjoin(version_detail, version_detail.c.version_pk == draft.c.version_pk)
        .where(draft.c.id == pk)
    ).one()
    return ids.draft_id(pk) if row.version_pk is None else ids.artifact_id(row.version_pk, row.draft_pk)


def without_run(connection: Connection, run_pk: int) -> None:
    """Let go of a run that is deleted."""
    connection.execute(draft.update().where(draft.c.producer_pk == run_pk).values(producer_pk=None))


def commit(connection: Connection, found: Draft, listing: Listing) -> int:
    """Make the draft a version, under the lock of its collection; the pk of the version.

    Done twice, it changes nothing the second time. Content that became a version meanwhile stays one version.
    """
    collection = collections.ensure_collection(
        connection, found.collection.project.pk, found.collection.type, found.collection.name, portfolio=False
    )
    row = connection.execute(select(draft).where(draft.c.id == found.pk)).one()
    if row.version_pk is not None:
        return int(row.version_pk)
    same = _same_content(connection, collection, listing.digest) if row.unique_content else None
    pk = same if same is not None else _add_version(connection, collection, row, listing)
    connection.execute(draft.update().where(draft.c.id == found.pk).values(version_pk=pk))
    _join(connection, collection, pk, row.producer_pk, found.pk, row.facts["aliases"], row.facts["tags"])
    return pk


def _known(connection: Connection, collection: Collection, new: NewDraft) -> Draft | None:
    here = draft.c.sequence_pk == collection.pk
    wanted = select(draft).where(here).order_by(draft.c.id.desc()).limit(1)
    row = None
    if new.distributed_id is not None:
        shared = (draft.c.distributed_id == new.distributed_id) & draft.c.version_pk.is_(None)
        row = connection.execute(wanted.where(shared)).first()
    elif new.client_id is not None:
        row = connection.execute(wanted.where(draft.c.client_id == new.client_id)).first()
    if row is not None and row.version_pk is not None and not _lives(connection, row.version_pk):
        connection.execute(draft.update().where(draft.c.id == row.id).values(client_id=None))
        return None
    return None if row is None else _draft(row, collection)


def _draft(row: Row[Any], collection: Collection) -> Draft:
    return Draft(row.id, collection, row.version_pk, row.digest, row.created)


def _lives(connection: Connection, pk: int) -> bool:
    return connection.scalar(select(version.c.id).where(version.c.id == pk, LIVING)) is not None


def _same_content(connection: Connection, collection: Collection, digest: str) -> int | None:
    return connection.scalar(
        select(version.c.id).where(
            version.c.sequence_pk == collection.pk, version.c.bucket == SERVED, version.c.content == digest, LIVING
        )
    )


def _insert(
    connection: Connection, collection: Collection, new: NewDraft, producer_pk: int | None, same: int | None
) -> int:
    facts = {
        "description": new.description,
        "metadata": dict(new.metadata),
        "aliases": list(new.aliases),
        "tags": list(new.tags),
        "ttl_seconds": new.ttl_seconds,
        "history_step": new.history_step,
        "region": new.region,
    }
    pk: int = connection.execute(
        draft.insert()
        .returning(draft.c.id)
        .values(
            sequence_pk=collection.pk,
            client_id=new.client_id if new.distributed_id is None else None,
            distributed_id=new.distributed_id,
            digest=new.digest,
            unique_content=new.unique,
            producer_pk=producer_pk,
            facts=facts,
            created=datetime.now(UTC),
            version_pk=same,
        )
    ).scalar_one()
    return pk


def _add_version(connection: Connection, collection: Collection, row: Row[Any], listing: Listing) -> int:
    number = connection.execute(select(sequence.c.next_number).where(sequence.c.id == collection.pk)).scalar_one()
    connection.execute(sequence.update().where(sequence.c.id == collection.pk).values(next_number=number + 1))
    place = f"{collection.project.entity}/{collection.project.name}/{collection.name}"
    taken = _same_content(connection, collection, listing.digest) is not None
    pk: int = connection.execute(
        version.insert()
        .returning(version.c.id)
        .values(
            sequence_pk=collection.pk,
            number=number,
            bucket=SERVED,
            digest=listing.digest,
            content=f"{listing.digest}:{row.id}" if taken else listing.digest,
            uri=f"wandb-artifact://{place}:v{number}",
            alias=f"v{number}",
            files=len(listing.files),
            bytes=listing.bytes,
            metadata=row.facts["metadata"],
            created=datetime.now(UTC),
            linked=False,
            producer_pk=row.producer_pk,
        )
    ).scalar_one()
    entries.add(connection, pk, listing.files)
    kept = {name: row.facts[name] for name in ("description", "ttl_seconds", "history_step")}
    region = listing.region or row.facts["region"]
    connection.execute(version_detail.insert().values(version_pk=pk, draft_pk=row.id, region=region, **kept))
    point(connection, Place(collection.pk, SERVED), LATEST, pk)
    return pk


def _join(
    connection: Connection,
    collection: Collection,
    pk: int,
    producer_pk: int | None,
    draft_pk: int,
    names: Sequence[str],
    tags: Sequence[str],
) -> None:
    """Names, tags and the run's output for a version that a draft has become."""
    naming.give(connection, collection, pk, names)
    versions.tag(connection, pk, tags, ())
    if producer_pk is not None:
        insert_missing(
            connection, run_output.name, {"run_pk": producer_pk, "xid": f"draft:{draft_pk}", "version_pk": pk}
        )
