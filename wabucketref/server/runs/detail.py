"""Writing what only the server keeps of a run."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from wabucketref.trackers.embedded.served import run_detail


def change_detail(connection: Connection, run_pk: int, values: Mapping[str, Any]) -> None:
    """Set columns of the run's detail, which is made when there is none yet (the command line makes none)."""
    if values:
        changed = connection.execute(run_detail.update().where(run_detail.c.run_pk == run_pk).values(**values))
        if changed.rowcount:
            return
    elif connection.execute(run_detail.select().where(run_detail.c.run_pk == run_pk)).first() is not None:
        return
    connection.execute(run_detail.insert().values(**{"run_pk": run_pk, "internal": {}, "stop": False, **values}))
