"""Run migrations on the connection that ``migrate.py`` hands over; its transaction is the only one."""

from alembic import context

from wabucketref.trackers.embedded.sdk.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
