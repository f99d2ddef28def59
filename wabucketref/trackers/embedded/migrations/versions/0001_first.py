"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _runs()
    _artifacts()
    _links()


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the migration")


def _runs() -> None:
    op.create_table(
        "entity",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entity")),
        sa.UniqueConstraint("name", name=op.f("uq_entity_name")),
    )
    op.create_table(
        "project",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entity_pk", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.UniqueConstraint("entity_pk", "name", name=op.f("uq_project_entity_pk_name")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project")),
        sa.ForeignKeyConstraint(["entity_pk"], ["entity.id"], name=op.f("fk_project_entity_pk")),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_pk", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("job_type", sa.Text(), nullable=True),
        sa.Column("group_name", sa.Text(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("config", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.UniqueConstraint("project_pk", "run_id", name=op.f("uq_run_project_pk_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
        sa.ForeignKeyConstraint(["project_pk"], ["project.id"], name=op.f("fk_run_project_pk")),
    )
    op.create_index(op.f("ix_run_project_pk_created"), "run", ["project_pk", "created"], unique=False)
    op.create_table(
        "job",
        sa.Column("run_pk", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_pk", name=op.f("pk_job")),
        sa.ForeignKeyConstraint(["run_pk"], ["run.id"], name=op.f("fk_job_run_pk")),
    )
    op.create_table(
        "history",
        sa.Column("run_pk", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("row_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.Float(precision=53), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_pk", "row_index", name=op.f("pk_history")),
        sa.ForeignKeyConstraint(["run_pk"], ["run.id"], name=op.f("fk_history_run_pk")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "console",
        sa.Column("run_pk", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("row_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stream", sa.String(length=16), nullable=False),
        sa.Column("time", sa.Float(precision=53), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_pk", "row_index", name=op.f("pk_console")),
        sa.ForeignKeyConstraint(["run_pk"], ["run.id"], name=op.f("fk_console_run_pk")),
        sqlite_with_rowid=False,
    )


def _artifacts() -> None:
    op.create_table(
        "artifact_type",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_pk", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.UniqueConstraint("project_pk", "name", name=op.f("uq_artifact_type_project_pk_name")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifact_type")),
        sa.ForeignKeyConstraint(["project_pk"], ["project.id"], name=op.f("fk_artifact_type_project_pk")),
    )
    op.create_table(
        "artifact_sequence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("type_pk", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("next_number", sa.Integer(), nullable=False),
        sa.UniqueConstraint("type_pk", "name", name=op.f("uq_artifact_sequence_type_pk_name")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifact_sequence")),
        sa.ForeignKeyConstraint(["type_pk"], ["artifact_type.id"], name=op.f("fk_artifact_sequence_type_pk")),
    )
    op.create_table(
        "artifact_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sequence_pk", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("files", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("linked", sa.Boolean(), nullable=False),
        sa.Column("removed", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replaced_by", sa.Integer(), nullable=True),
        sa.Column("producer_pk", sa.Integer(), nullable=True),
        sa.UniqueConstraint("sequence_pk", "number", name=op.f("uq_artifact_version_sequence_pk_number")),
        sa.UniqueConstraint(
            "sequence_pk", "bucket", "content", name=op.f("uq_artifact_version_sequence_pk_bucket_content")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifact_version")),
        sa.ForeignKeyConstraint(
            ["sequence_pk"], ["artifact_sequence.id"], name=op.f("fk_artifact_version_sequence_pk")
        ),
        sa.ForeignKeyConstraint(["replaced_by"], ["artifact_version.id"], name=op.f("fk_artifact_version_replaced_by")),
        sa.ForeignKeyConstraint(["producer_pk"], ["run.id"], name=op.f("fk_artifact_version_producer_pk")),
    )
    op.create_index(op.f("ix_artifact_version_replaced_by"), "artifact_version", ["replaced_by"], unique=False)
    op.create_index(
        op.f("ix_artifact_version_sequence_pk_bucket_number"),
        "artifact_version",
        ["sequence_pk", "bucket", "number"],
        unique=False,
    )
    op.create_table(
        "artifact_alias",
        sa.Column("sequence_pk", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("version_pk", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sequence_pk", "alias", "bucket", name=op.f("pk_artifact_alias")),
        sa.ForeignKeyConstraint(["sequence_pk"], ["artifact_sequence.id"], name=op.f("fk_artifact_alias_sequence_pk")),
        sa.ForeignKeyConstraint(["version_pk"], ["artifact_version.id"], name=op.f("fk_artifact_alias_version_pk")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_artifact_alias_version_pk"), "artifact_alias", ["version_pk"], unique=False)


def _links() -> None:
    op.create_table(
        "run_use",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_pk", sa.Integer(), nullable=False),
        sa.Column("xid", sa.Text(), nullable=False),
        sa.Column("version_pk", sa.Integer(), nullable=False),
        sa.UniqueConstraint("run_pk", "xid", name=op.f("uq_run_use_run_pk_xid")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_use")),
        sa.ForeignKeyConstraint(["run_pk"], ["run.id"], name=op.f("fk_run_use_run_pk")),
        sa.ForeignKeyConstraint(["version_pk"], ["artifact_version.id"], name=op.f("fk_run_use_version_pk")),
    )
    op.create_index(op.f("ix_run_use_version_pk"), "run_use", ["version_pk"], unique=False)
    op.create_table(
        "run_output",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_pk", sa.Integer(), nullable=False),
        sa.Column("xid", sa.Text(), nullable=False),
        sa.Column("version_pk", sa.Integer(), nullable=False),
        sa.UniqueConstraint("run_pk", "xid", name=op.f("uq_run_output_run_pk_xid")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_output")),
        sa.ForeignKeyConstraint(["run_pk"], ["run.id"], name=op.f("fk_run_output_run_pk")),
        sa.ForeignKeyConstraint(["version_pk"], ["artifact_version.id"], name=op.f("fk_run_output_version_pk")),
    )
    op.create_index(op.f("ix_run_output_version_pk"), "run_output", ["version_pk"], unique=False)
