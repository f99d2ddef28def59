"""Migrations that are not shipped."""

import shutil
from pathlib import Path

from wabucketref.trackers.embedded.migrate import SHIPPED, Scripts

NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    {body}
"""
REBUILD = 'with op.batch_alter_table("run") as table:\n        table.add_column(sa.Column("priority", sa.Integer()))\n'
REBUILD += '        table.alter_column("notes", new_column_name="remarks")'


def scripts(folder: Path, *bodies: str) -> Scripts:
    """The shipped migrations and one more for each body."""
    shutil.copytree(SHIPPED.location, folder)
    revisions = list(SHIPPED.revisions)
    for body in bodies:
        revision = f"{len(revisions) + 1:04}"
        text = NEXT.format(revision=revision, before=revisions[-1], body=body)
        (folder / "versions" / f"{revision}_more.py").write_text(text)
        revisions.append(revision)
    return Scripts(folder, tuple(revisions))
