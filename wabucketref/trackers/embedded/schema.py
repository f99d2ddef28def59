"""The tables of the catalog. Any change here needs a migration in ``migrations/versions`` (a test compares both).

Only what SQLite and PostgreSQL share is used. Names of the user (run ids, aliases) are text; ``pk`` columns are ours.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from wabucketref.model.artifact import SERVED as SERVED
from wabucketref.trackers.embedded.types import Json, Utc

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _pk() -> Column[int]:
    return Column("id", Integer, primary_key=True)


def _to(table: str, name: str, **options: Any) -> Column[int]:
    return Column(name, Integer, ForeignKey(f"{table}.id"), nullable=options.pop("nullable", False), **options)


entity = Table("entity", metadata, _pk(), Column("name", Text, nullable=False, unique=True))

project = Table(
    "project",
    metadata,
    _pk(),
    _to("entity", "entity_pk"),
    Column("name", Text, nullable=False),
    # Unknown for those that an older release made.
    Column("created", Utc, default=lambda: datetime.now(UTC)),
    UniqueConstraint("entity_pk", "name"),
)

run = Table(
    "run",
    metadata,
    _pk(),
    _to("project", "project_pk"),
    Column("run_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("job_type", Text),
    Column("group_name", Text),
    Column("notes", Text),
    Column("state", String(16), nullable=False),
    Column("exit_code", Integer),
    Column("created", Utc, nullable=False),
    Column("finished", Utc),
    Column("tags", Json, nullable=False),
    Column("config", Json, nullable=False),
    Column("summary", Json, nullable=False),
    UniqueConstraint("project_pk", "run_id"),
    Index(None, "project_pk", "created"),
)

job = Table(
    "job",
    metadata,
    Column("run_pk", Integer, ForeignKey("run.id"), primary_key=True, autoincrement=False),
    Column("facts", Json, nullable=False),
)

# What runs are looked up by: a row each for tags, ids of the jobs around them, and commits.
run_label = Table(
    "run_label",
    metadata,
    Column("run_pk", Integer, ForeignKey("run.id"), primary_key=True, autoincrement=False),
    Column("kind", String(16), primary_key=True),
    Column("label", Text, primary_key=True),
    Index(None, "kind", "label"),
    sqlite_with_rowid=False,
)

history = Table(
    "history",
    metadata,
    Column("run_pk", Integer, ForeignKey("run.id"), primary_key=True, autoincrement=False),
    Column("row_index", BigInteger, primary_key=True, autoincrement=False),
    Column("step", BigInteger, nullable=False),
    Column("time", Float(53), nullable=False),
    Column("data", Json, nullable=False),
    sqlite_with_rowid=False,
)

console = Table(
    "console",
    metadata,
    Column("run_pk", Integer, ForeignKey("run.id"), primary_key=True, autoincrement=False),
    Column("row_index", BigInteger, primary_key=True, autoincrement=False),
    Column("stream", String(16), nullable=False),
    Column("time", Float(53), nullable=False),
    # JSON, because a terminal prints NUL and half characters too.
    Column("line", Json, nullable=False),
    sqlite_with_rowid=False,
)

artifact_type = Table(
    "artifact_type",
    metadata,
    _pk(),
    _to("project", "project_pk"),
    Column("name", Text, nullable=False),
    UniqueConstraint("project_pk", "name"),
)

sequence = Table(
    "artifact_sequence",
    metadata,
    _pk(),
    _to("artifact_type", "type_pk"),
    Column("name", Text, nullable=False),
    Column("next_number", Integer, nullable=False),
    UniqueConstraint("type_pk", "name"),
)

version = Table(
    "artifact_version",
    metadata,
    _pk(),
    _to("artifact_sequence", "sequence_pk"),
    Column("number", Integer, nullable=False),
    Column("bucket", Text, nullable=False),
    Column("digest", Text),
    # What makes a version the same as another: the digest while it lives, NULL (unequal to all) once removed.
    Column("content", Text),
    Column("uri", Text, nullable=False),
    Column("alias", Text, nullable=False),
    Column("files", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("metadata", Json, nullable=False),
    Column("created", Utc, nullable=False),
    Column("linked", Boolean, nullable=False),
    Column("removed", Utc),
    _to("artifact_version", "replaced_by", nullable=True, index=True),
    _to("run", "producer_pk", nullable=True),
    UniqueConstraint("sequence_pk", "number"),
    UniqueConstraint("sequence_pk", "bucket", "content"),
    Index(None, "sequence_pk", "bucket", "number"),
)

alias = Table(
    "artifact_alias",
    metadata,
    Column("sequence_pk", Integer, ForeignKey("artifact_sequence.id"), primary_key=True, autoincrement=False),
    Column("alias", Text, primary_key=True),
    Column("bucket", Text, primary_key=True),
    _to("artifact_version", "version_pk", index=True),
    sqlite_with_rowid=False,
)


def _link(name: str) -> Table:
    return Table(
        name,
        metadata,
        _pk(),
        _to("run", "run_pk"),
        Column("xid", Text, nullable=False),
        _to("artifact_version", "version_pk", index=True),
        UniqueConstraint("run_pk", "xid"),
    )


run_use = _link("run_use")
run_output = _link("run_output")
