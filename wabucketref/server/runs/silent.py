"""Runs whose client says nothing any more."""

from datetime import UTC, datetime

from sqlalchemy import select

from wabucketref.model.run import RunState
from wabucketref.server.runs.views import SILENT
from wabucketref.server.site import Site
from wabucketref.trackers.embedded.schema import run
from wabucketref.trackers.embedded.served import run_detail


def mark_silent(site: Site, now: datetime | None = None) -> int:
    """Mark runs that were silent for too long as crashed, for the command line to see; how many. A later word of
    theirs corrects it."""
    now = now or datetime.now(UTC)
    late = select(run_detail.c.run_pk).where(run_detail.c.heartbeat < now - SILENT, run_detail.c.phase.is_(None))
    with site.write() as connection:
        changed = connection.execute(
            run.update()
            .where(run.c.state == str(RunState.RUNNING), run.c.id.in_(late))
            .values(state=str(RunState.CRASHED), finished=now)
        )
    return changed.rowcount
