"""Artifacts, collections and their names as the schema's types; what is costly has a resolver."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from wabucketref.server.area import Resolver
from wabucketref.server.artifacts.reader import Reader
from wabucketref.server.call import Info
from wabucketref.server.paging import listed
from wabucketref.server.runs.projects import ProjectView
from wabucketref.trackers.embedded.sdk import collections, ids, naming, types, versions
from wabucketref.trackers.embedded.sdk.drafts import Draft
from wabucketref.trackers.embedded.sdk.facts import Alias, Collection, Membership, Version

DIGEST_ALGORITHM: Final = "MANIFEST_MD5"
_NO_TTL: Final = -2


@dataclass(frozen=True, slots=True)
class TypeView:
    """An ``ArtifactType``."""

    reader: Reader
    pk: int
    name: str
    project_pk: int
    description: None = None

    def id(self) -> str:
        return ids.public(ids.TYPE, self.pk)

    def created_at(self) -> datetime:
        return types.created(self.reader.connection, self.pk)


@dataclass(frozen=True, slots=True)
class CollectionView:
    """An ``ArtifactSequence`` or ``ArtifactPortfolio``."""

    reader: Reader
    facts: Collection
    state: str = "READY"

    @property
    def __typename(self) -> str:
        return "ArtifactPortfolio" if self.facts.portfolio else "ArtifactSequence"

    def id(self) -> str:
        return self.facts.id

    @property
    def name(self) -> str:
        return self.facts.name

    def description(self) -> str | None:
        return self._described().description

    def created_at(self) -> datetime:
        return self._described().created

    def updated_at(self) -> datetime | None:
        return self._described().updated

    def tags(self) -> Any:
        return listed([tag_view(name) for name in self._described().tags])

    def project(self) -> ProjectView:
        return self.reader.project(self.facts.project.pk)

    def default_artifact_type(self) -> TypeView:
        found = types.named(self.reader.connection, self.facts.project.pk, self.facts.type)
        assert found is not None
        return TypeView(self.reader, found, self.facts.type, self.facts.project.pk)

    def latest_artifact(self) -> "ArtifactView | None":
        found = naming.find_in(self.reader.connection, self.facts, "latest")
        return None if found is None else artifact_view(self.reader, found.version_pk)

    def digest_algorithm(self) -> str:
        return DIGEST_ALGORITHM

    def _described(self) -> collections.Described:
        return collections.describe(self.reader.connection, [self.facts])[0]


@dataclass(frozen=True, slots=True)
class AliasView:
    """An ``ArtifactAlias``."""

    reader: Reader
    facts: Alias

    def id(self) -> str:
        return self.facts.id

    def alias(self) -> str:
        return self.facts.name

    def artifact_collection_name(self) -> str:
        return self.facts.collection.name

    def artifact_collection(self) -> CollectionView:
        return CollectionView(self.reader, self.facts.collection)


@dataclass(frozen=True, slots=True)
class ArtifactView:
    """An ``Artifact`` that is committed, or was."""

    reader: Reader
    facts: Version

    @property
    def id(self) -> str:
        return self.facts.id

    def artifact_sequence(self) -> CollectionView:
        return CollectionView(self.reader, self.facts.collection)

    def artifact_type(self) -> TypeView:
        return self.artifact_sequence().default_artifact_type()

    def version_index(self) -> int:
        return self.facts.number

    @property
    def description(self) -> str | None:
        return self.facts.description

    def metadata(self) -> Any:
        return self.facts.metadata

    def ttl_duration_seconds(self) -> int:
        return self.facts.ttl_seconds or _NO_TTL

    def ttl_is_inherited(self) -> bool:
        return self.facts.ttl_seconds is None

    def tags(self) -> Sequence[dict[str, str]]:
        return [tag_view(name) for name in self.facts.tags]

    @property
    def history_step(self) -> int | None:
        return self.facts.history_step

    def state(self) -> str:
        return "DELETED" if self.facts.removed else "COMMITTED"

    def size(self) -> int:
        return self.facts.bytes

    @property
    def digest(self) -> str:
        return self.facts.digest

    def digest_algorithm(self) -> str:
        return DIGEST_ALGORITHM

    def commit_hash(self) -> str:
        """Names what was committed: this version with this content."""
        return hashlib.sha256(f"{self.facts.id}:{self.facts.digest}".encode()).hexdigest()[:20]

    def file_count(self) -> int:
        return self.facts.files

    def created_at(self) -> datetime:
        return self.facts.created

    def updated_at(self) -> datetime | None:
        return self.facts.updated

    def aliases(self) -> Sequence[AliasView]:
        return [AliasView(self.reader, one) for one in self.facts.aliases]


@dataclass(frozen=True, slots=True)
class DraftView:
    """An ``Artifact`` that is not committed: it has an id, a collection and a digest, and no files yet."""

    reader: Reader
    id: str
    facts: Draft
    state: str = "PENDING"
    size: int = 0
    file_count: int = 0
    digest_algorithm: str = DIGEST_ALGORITHM
    ttl_duration_seconds: int = _NO_TTL
    ttl_is_inherited: bool = True
    tags: Sequence[str] = ()
    aliases: Sequence[AliasView] = ()

    def artifact_sequence(self) -> CollectionView:
        return CollectionView(self.reader, self.facts.collection)

    def artifact_type(self) -> TypeView:
        return self.artifact_sequence().default_artifact_type()

    @property
    def digest(self) -> str:
        return self.facts.digest

    def created_at(self) -> datetime:
        return self.facts.created


def committed(resolver: Resolver) -> Resolver:
    """A resolver of a field that drafts do not have."""

    def resolve(source: Any, info: Info, **arguments: Any) -> Any:
        return None if isinstance(source, DraftView) else resolver(source, info, **arguments)

    return resolve


@dataclass(frozen=True, slots=True)
class MembershipView:
    """An ``ArtifactCollectionMembership``."""

    reader: Reader
    facts: Membership

    def id(self) -> str:
        return self.facts.id

    def version_index(self) -> int:
        return self.facts.number

    def created_at(self) -> datetime:
        return self.facts.created

    def aliases(self) -> Sequence[AliasView]:
        here = self.facts.collection.pk
        found = versions.read(self.reader.connection, [self.facts.version_pk])
        return [
            AliasView(self.reader, one) for version in found for one in version.aliases if one.collection.pk == here
        ]

    def artifact_collection(self) -> CollectionView:
        return CollectionView(self.reader, self.facts.collection)

    def artifact(self) -> ArtifactView | None:
        return artifact_view(self.reader, self.facts.version_pk)


def tag_view(name: str) -> dict[str, str]:
    """A ``Tag``."""
    return {"id": ids.public("Tag", name), "name": name}


def artifact_view(reader: Reader, pk: int) -> ArtifactView | None:
    """One version, living or not."""
    found = artifact_views(reader, [pk])
    return found[0] if found else None


def artifact_views(reader: Reader, pks: Sequence[int]) -> Sequence[ArtifactView]:
    """Versions in the order asked."""
    return [ArtifactView(reader, version) for version in versions.read(reader.connection, pks)]
