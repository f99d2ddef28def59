"""What runs are looked up by: their tags, the ids of the jobs around them, commits."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_FACTS = {"cicd.pipeline.task.run.id": "job_id", "vcs.ref.head.revision": "commit"}


def _label(text: str) -> str:
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\0")[:200]


def upgrade() -> None:
    label = op.create_table(
        "run_label",
        sa.Column("run_pk", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_pk", "kind", "label", name=op.f("pk_run_label")),
        sa.ForeignKeyConstraint(["run_pk"], ["run.id"], name=op.f("fk_run_label_run_pk")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_run_label_kind_label"), "run_label", ["kind", "label"], unique=False)
    connection = op.get_bind()
    rows: set[tuple[int, str, str]] = set()
    for pk, tags in connection.execute(sa.text("SELECT id, tags FROM run")).all():
        rows |= {(pk, "tag", _label(str(tag))) for tag in json.loads(tags)}
    for pk, facts in connection.execute(sa.text("SELECT run_pk, facts FROM job")).all():
        known = json.loads(facts)
        rows |= {(pk, kind, _label(str(known[name]))) for name, kind in _FACTS.items() if known.get(name)}
    if rows:
        values = [{"run_pk": pk, "kind": kind, "label": text} for pk, kind, text in sorted(rows)]
        connection.execute(label.insert(), values)


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the migration")
