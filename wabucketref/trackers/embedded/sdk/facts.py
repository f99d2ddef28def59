"""Artifacts, collections and projects as the resolvers of the server hold them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wabucketref.trackers.embedded.sdk import ids


@dataclass(frozen=True, slots=True)
class ProjectName:
    """One project."""

    pk: int
    entity: str
    name: str


@dataclass(frozen=True, slots=True)
class Collection:
    """A sequence of versions, or a portfolio of versions of others."""

    pk: int
    name: str
    type: str
    portfolio: bool
    project: ProjectName

    @property
    def id(self) -> str:
        return ids.public(ids.COLLECTION, self.pk)


@dataclass(frozen=True, slots=True)
class Alias:
    """A name of a version within one collection."""

    name: str
    collection: Collection

    @property
    def id(self) -> str:
        return ids.public("ArtifactAlias", self.collection.pk, self.name)


@dataclass(frozen=True, slots=True)
class Version:
    """One committed version, whoever recorded it."""

    pk: int
    id: str
    number: int
    collection: Collection
    """The sequence it was made in."""
    first: str
    """The alias it was uploaded under; ``vN`` of those that the SDK logged."""
    bucket: str
    uri: str
    digest: str
    files: int
    bytes: int
    metadata: Mapping[str, Any]
    description: str | None
    ttl_seconds: int | None
    history_step: int | None
    region: str | None
    created: datetime
    updated: datetime | None
    removed: bool
    producer_pk: int | None
    tags: Sequence[str]
    aliases: Sequence[Alias]


@dataclass(frozen=True, slots=True)
class Membership:
    """A version in a collection, under its number there."""

    collection: Collection
    version_pk: int
    number: int
    created: datetime

    @property
    def id(self) -> str:
        return ids.public("ArtifactCollectionMembership", self.collection.pk, self.version_pk)


@dataclass(frozen=True, slots=True)
class File:
    """One entry of a version's manifest."""

    path: str
    digest: str
    size: int
    ref: str | None
    blob_pk: int | None
    birth_pk: int | None
    """The draft that first brought these bytes."""
    extra: Mapping[str, Any]
