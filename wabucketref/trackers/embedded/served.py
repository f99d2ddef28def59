"""What only the server keeps in the catalog: who may use it, and what W&B's SDK tells of a run beyond our own records.

The tables of ``schema.py`` hold the runs themselves, so the command line and the server show the same ones.
"""

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Integer, String, Table, Text, UniqueConstraint

from wabucketref.trackers.embedded.schema import metadata
from wabucketref.trackers.embedded.types import Json, Utc

__all__ = ["account", "api_key", "metadata", "run_detail", "run_event", "run_file"]

account = Table(
    "account",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created", Utc, nullable=False),
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("account_pk", Integer, ForeignKey("account.id"), nullable=False, index=True),
    Column("note", Text),
    # SHA-256 in hex: the key itself is 160 random bits, which no dictionary holds.
    Column("digest", String(64), nullable=False, unique=True),
    Column("read_only", Boolean, nullable=False),
    Column("created", Utc, nullable=False),
    Column("revoked", Utc),
)

run_detail = Table(
    "run_detail",
    metadata,
    Column("run_pk", Integer, ForeignKey("run.id"), primary_key=True, autoincrement=False),
    Column("account_pk", Integer, ForeignKey("account.id")),
    Column("description", Text),
    Column("host", Text),
    Column("program", Text),
    Column("repository", Text),
    Column("revision", Text),
    Column("sweep", Text),
    Column("heartbeat", Utc),
    # What a running run does really: "pending" (made, not started), "preempting".
    Column("phase", String(16)),
    # What the SDK keeps for itself in the config, under "_wandb".
    Column("internal", Json, nullable=False),
    Column("stop", Boolean, nullable=False),
)

run_event = Table(
    "run_event",
    metadata,
    Column("run_pk", Integer, ForeignKey("run.id"), primary_key=True, autoincrement=False),
    Column("row_index", BigInteger, primary_key=True, autoincrement=False),
    Column("time", Float(53), nullable=False),
    Column("data", Json, nullable=False),
    sqlite_with_rowid=False,
)

run_file = Table(
    "run_file",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_pk", Integer, ForeignKey("run.id"), nullable=False),
    Column("name", Text, nullable=False),
    # Random, in the bucket of the server; NULL, as the rest, until the bytes are there.
    Column("key", Text, unique=True),
    Column("size", BigInteger),
    Column("md5", Text),
    Column("updated", Utc, nullable=False),
    UniqueConstraint("run_pk", "name"),
)
