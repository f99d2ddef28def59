"""Runs whose journal was lost to damage: the tracker still takes them for running, and nobody will end them."""

import logging

from wabucketref.errors import NotFound, WaBucketError
from wabucketref.model.run import RunKey, RunState
from wabucketref.operations.workspace import Workspace

log = logging.getLogger(__name__)


def end_lost(ws: Workspace, run_id: str) -> RunState | None:
    """End the run as crashed where the workspace's project has it as running; its state then, None when it has not.

    To be called for runs without a journal only: a journal ends its run by itself.
    """
    if not ws.tracker.capabilities.queries or ws.offline or ws.settings.project_name is None:
        return None
    key = RunKey(*ws.project, run_id)
    try:
        if ws.tracker.get_run(key).state is not RunState.RUNNING:
            return None
        ws.tracker.finish_run(key, RunState.CRASHED, WaBucketError.exit_code)
    except NotFound:
        return None
    except WaBucketError as error:
        log.warning("the run %s cannot be ended: %s", run_id, error)
        return None
    return RunState.CRASHED
