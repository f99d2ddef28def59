"""What W&B's SDK keeps of artifacts: drafts, their files, descriptions, tags and portfolios."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _drafts()
    _details()


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the migration")


def _drafts() -> None:
    op.create_table(
        "artifact_draft",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sequence_pk", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=True),
        sa.Column("distributed_id", sa.Text(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("unique_content", sa.Boolean(), nullable=False),
        sa.Column("producer_pk", sa.Integer(), nullable=True),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version_pk", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifact_draft")),
        sa.UniqueConstraint("sequence_pk", "client_id", name=op.f("uq_artifact_draft_sequence_pk_client_id")),
        sa.ForeignKeyConstraint(["sequence_pk"], ["artifact_sequence.id"], name=op.f("fk_artifact_draft_sequence_pk")),
        sa.ForeignKeyConstraint(["producer_pk"], ["run.id"], name=op.f("fk_artifact_draft_producer_pk")),
        sa.ForeignKeyConstraint(["version_pk"], ["artifact_version.id"], name=op.f("fk_artifact_draft_version_pk")),
    )
    op.create_index(op.f("ix_artifact_draft_client_id"), "artifact_draft", ["client_id"], unique=False)
    op.create_index(op.f("ix_artifact_draft_version_pk"), "artifact_draft", ["version_pk"], unique=False)
    op.create_table(
        "artifact_manifest",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("draft_pk", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("base", sa.Text(), nullable=True),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("stored", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifact_manifest")),
        sa.ForeignKeyConstraint(["draft_pk"], ["artifact_draft.id"], name=op.f("fk_artifact_manifest_draft_pk")),
        sa.UniqueConstraint("key", name=op.f("uq_artifact_manifest_key")),
    )
    op.create_index(op.f("ix_artifact_manifest_draft_pk"), "artifact_manifest", ["draft_pk"], unique=False)
    op.create_table(
        "artifact_blob",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_pk", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("draft_pk", sa.Integer(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifact_blob")),
        sa.UniqueConstraint("project_pk", "digest", name=op.f("uq_artifact_blob_project_pk_digest")),
        sa.ForeignKeyConstraint(["project_pk"], ["project.id"], name=op.f("fk_artifact_blob_project_pk")),
        sa.UniqueConstraint("key", name=op.f("uq_artifact_blob_key")),
        sa.ForeignKeyConstraint(["draft_pk"], ["artifact_draft.id"], name=op.f("fk_artifact_blob_draft_pk")),
    )
    op.create_table(
        "artifact_entry",
        sa.Column("version_pk", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=True),
        sa.Column("blob_pk", sa.Integer(), nullable=True),
        sa.Column("extra", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version_pk", "path", name=op.f("pk_artifact_entry")),
        sa.ForeignKeyConstraint(["version_pk"], ["artifact_version.id"], name=op.f("fk_artifact_entry_version_pk")),
        sa.ForeignKeyConstraint(["blob_pk"], ["artifact_blob.id"], name=op.f("fk_artifact_entry_blob_pk")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_artifact_entry_blob_pk"), "artifact_entry", ["blob_pk"], unique=False)


def _details() -> None:
    op.create_table(
        "artifact_version_detail",
        sa.Column("version_pk", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("draft_pk", sa.Integer(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("ttl_seconds", sa.BigInteger(), nullable=True),
        sa.Column("history_step", sa.BigInteger(), nullable=True),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("version_pk", name=op.f("pk_artifact_version_detail")),
        sa.ForeignKeyConstraint(
            ["version_pk"], ["artifact_version.id"], name=op.f("fk_artifact_version_detail_version_pk")
        ),
        sa.ForeignKeyConstraint(["draft_pk"], ["artifact_draft.id"], name=op.f("fk_artifact_version_detail_draft_pk")),
    )
    op.create_table(
        "artifact_version_tag",
        sa.Column("version_pk", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version_pk", "name", name=op.f("pk_artifact_version_tag")),
        sa.ForeignKeyConstraint(
            ["version_pk"], ["artifact_version.id"], name=op.f("fk_artifact_version_tag_version_pk")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "artifact_collection_detail",
        sa.Column("sequence_pk", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("portfolio", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("sequence_pk", name=op.f("pk_artifact_collection_detail")),
        sa.ForeignKeyConstraint(
            ["sequence_pk"], ["artifact_sequence.id"], name=op.f("fk_artifact_collection_detail_sequence_pk")
        ),
    )
    op.create_table(
        "artifact_collection_tag",
        sa.Column("sequence_pk", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence_pk", "name", name=op.f("pk_artifact_collection_tag")),
        sa.ForeignKeyConstraint(
            ["sequence_pk"], ["artifact_sequence.id"], name=op.f("fk_artifact_collection_tag_sequence_pk")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "artifact_member",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sequence_pk", sa.Integer(), nullable=False),
        sa.Column("version_pk", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifact_member")),
        sa.UniqueConstraint("sequence_pk", "version_pk", name=op.f("uq_artifact_member_sequence_pk_version_pk")),
        sa.UniqueConstraint("sequence_pk", "number", name=op.f("uq_artifact_member_sequence_pk_number")),
        sa.ForeignKeyConstraint(["sequence_pk"], ["artifact_sequence.id"], name=op.f("fk_artifact_member_sequence_pk")),
        sa.ForeignKeyConstraint(["version_pk"], ["artifact_version.id"], name=op.f("fk_artifact_member_version_pk")),
    )
    op.create_index(op.f("ix_artifact_member_version_pk"), "artifact_member", ["version_pk"], unique=False)
