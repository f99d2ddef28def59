"""What the SDK keeps of artifacts beyond our own records.

The versions themselves lie in ``artifact_version``, so the command line and the SDK see the same ones. Those that the
SDK logged have the bucket :data:`~wabucketref.trackers.embedded.schema.SERVED`; a portfolio is a sequence that holds
versions of others.
"""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, Table, Text, UniqueConstraint

from wabucketref.trackers.embedded.served import metadata
from wabucketref.trackers.embedded.types import Json, Utc

__all__ = [
    "blob",
    "collection_detail",
    "collection_tag",
    "draft",
    "entry",
    "manifest",
    "member",
    "metadata",
    "version_detail",
    "version_tag",
]


def _pk() -> Column[int]:
    return Column("id", Integer, primary_key=True)


def _own(table: str, name: str) -> Column[int]:
    return Column(name, Integer, ForeignKey(f"{table}.id"), primary_key=True, autoincrement=False)


draft = Table(
    "artifact_draft",
    metadata,
    _pk(),
    Column("sequence_pk", Integer, ForeignKey("artifact_sequence.id"), nullable=False),
    # Made by the client: what it creates twice is created once. NULL once the version is removed.
    Column("client_id", Text, index=True),
    # Several runs write one draft.
    Column("distributed_id", Text),
    Column("digest", Text, nullable=False),
    Column("unique_content", Boolean, nullable=False),
    Column("producer_pk", Integer, ForeignKey("run.id")),
    Column("facts", Json, nullable=False),
    Column("created", Utc, nullable=False),
    Column("version_pk", Integer, ForeignKey("artifact_version.id"), index=True),
    UniqueConstraint("sequence_pk", "client_id"),
)

manifest = Table(
    "artifact_manifest",
    metadata,
    _pk(),
    Column("draft_pk", Integer, ForeignKey("artifact_draft.id"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("base", Text),
    # Random, in the bucket of the server.
    Column("key", Text, nullable=False, unique=True),
    Column("stored", Boolean, nullable=False),
)

blob = Table(
    "artifact_blob",
    metadata,
    _pk(),
    Column("project_pk", Integer, ForeignKey("project.id"), nullable=False),
    # Base64 of the MD5, as the SDK names content.
    Column("digest", Text, nullable=False),
    # Random, in the bucket of the server.
    Column("key", Text, nullable=False, unique=True),
    # NULL until the bytes are there.
    Column("size", BigInteger),
    Column("draft_pk", Integer, ForeignKey("artifact_draft.id"), nullable=False),
    Column("created", Utc, nullable=False),
    UniqueConstraint("project_pk", "digest"),
)

entry = Table(
    "artifact_entry",
    metadata,
    _own("artifact_version", "version_pk"),
    Column("path", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("ref", Text),
    Column("blob_pk", Integer, ForeignKey("artifact_blob.id"), index=True),
    Column("extra", Json, nullable=False),
    sqlite_with_rowid=False,
)

version_detail = Table(
    "artifact_version_detail",
    metadata,
    _own("artifact_version", "version_pk"),
    Column("draft_pk", Integer, ForeignKey("artifact_draft.id")),
    Column("description", Text),
    Column("ttl_seconds", BigInteger),
    Column("history_step", BigInteger),
    Column("region", Text),
    Column("updated", Utc),
)

version_tag = Table(
    "artifact_version_tag",
    metadata,
    _own("artifact_version", "version_pk"),
    Column("name", Text, primary_key=True),
    sqlite_with_rowid=False,
)

collection_detail = Table(
    "artifact_collection_detail",
    metadata,
    _own("artifact_sequence", "sequence_pk"),
    Column("portfolio", Boolean, nullable=False),
    Column("description", Text),
    Column("created", Utc, nullable=False),
    Column("updated", Utc),
    Column("removed", Utc),
)

collection_tag = Table(
    "artifact_collection_tag",
    metadata,
    _own("artifact_sequence", "sequence_pk"),
    Column("name", Text, primary_key=True),
    sqlite_with_rowid=False,
)

member = Table(
    "artifact_member",
    metadata,
    _pk(),
    # A version in a portfolio, under a number of its own there.
    Column("sequence_pk", Integer, ForeignKey("artifact_sequence.id"), nullable=False),
    Column("version_pk", Integer, ForeignKey("artifact_version.id"), nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("created", Utc, nullable=False),
    UniqueConstraint("sequence_pk", "version_pk"),
    UniqueConstraint("sequence_pk", "number"),
)
