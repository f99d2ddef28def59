"""What only the server keeps: accounts, keys, further facts and files of runs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("project") as table:
        table.add_column(sa.Column("created", sa.DateTime(timezone=True), nullable=True))
    _accounts()
    _runs()


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the migration")


def _accounts() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("name", name=op.f("uq_account_name")),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_pk", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("read_only", sa.Boolean(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.ForeignKeyConstraint(["account_pk"], ["account.id"], name=op.f("fk_api_key_account_pk")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_key_digest")),
    )
    op.create_index(op.f("ix_api_key_account_pk"), "api_key", ["account_pk"], unique=False)


def _runs() -> None:
    op.create_table(
        "run_detail",
        sa.Column("run_pk", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account_pk", sa.Integer(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("host", sa.Text(), nullable=True),
        sa.Column("program", sa.Text(), nullable=True),
        sa.Column("repository", sa.Text(), nullable=True),
        sa.Column("revision", sa.Text(), nullable=True),
        sa.Column("sweep", sa.Text(), nullable=True),
        sa.Column("heartbeat", sa.DateTime(timezone=True), nullable=True),
        sa.Column("phase", sa.String(length=16), nullable=True),
        sa.Column("internal", sa.Text(), nullable=False),
        sa.Column("stop", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("run_pk", name=op.f("pk_run_detail")),
        sa.ForeignKeyConstraint(["run_pk"], ["run.id"], name=op.f("fk_run_detail_run_pk")),
        sa.ForeignKeyConstraint(["account_pk"], ["account.id"], name=op.f("fk_run_detail_account_pk")),
    )
    op.create_table(
        "run_event",
        sa.Column("run_pk", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("row_index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("time", sa.Float(precision=53), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_pk", "row_index", name=op.f("pk_run_event")),
        sa.ForeignKeyConstraint(["run_pk"], ["run.id"], name=op.f("fk_run_event_run_pk")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "run_file",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_pk", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("md5", sa.Text(), nullable=True),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_file")),
        sa.UniqueConstraint("run_pk", "name", name=op.f("uq_run_file_run_pk_name")),
        sa.ForeignKeyConstraint(["run_pk"], ["run.id"], name=op.f("fk_run_file_run_pk")),
        sa.UniqueConstraint("key", name=op.f("uq_run_file_key")),
    )
