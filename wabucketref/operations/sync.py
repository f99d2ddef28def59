"""Sync: finish or fail, exactly once, whatever earlier processes left in the journal."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from wabucketref.errors import IntegrityError, NotFound, TrackingPending, WaBucketError
from wabucketref.model.run import RunState
from wabucketref.operations.journals import journals
from wabucketref.operations.workspace import Workspace
from wabucketref.service.finish import Ending
from wabucketref.service.journal import JournalInUse
from wabucketref.service.recovery import Recovered
from wabucketref.service.stream import Stream

log = logging.getLogger(__name__)

Outcome = Literal["recorded", "pending", "running", "empty", "disabled"]


@dataclass(frozen=True)
class SyncedRun:
    """What became of one journal."""

    run_id: str
    project: str | None
    outcome: Outcome
    """``running``: its process lives and goes on by itself; ``empty``: nothing had been recorded in it."""
    state: str | None
    artifacts: Sequence[str]
    error: str | None

    def to_dict(self) -> dict[str, Any]:
        return {
            "run": self.run_id,
            "project": self.project,
            "tracking": self.outcome,
            "state": self.state,
            "artifacts": list(self.artifacts),
            "error": self.error,
        }


@dataclass(frozen=True)
class SyncResult:
    """All journals of this home."""

    items: Sequence[SyncedRun]

    def to_dict(self) -> dict[str, Any]:
        return {"items": [item.to_dict() for item in self.items]}


def sync(ws: Workspace) -> SyncResult:
    """Replay every journal whose process is gone into the workspace's tracker.

    Raises:
        TrackingPending: some could not be finished now; carries the ``result``, and their journals stay.
    """
    result = SyncResult([_sync_one(ws, path) for path in journals(ws.settings)])
    waiting = [item for item in result.items if item.outcome == "pending"]
    if waiting:
        causes = sorted({item.error for item in waiting if item.error})
        error = TrackingPending(
            f"{len(waiting)} run(s) could not be finished: {'; '.join(causes) or 'the tracker is out of reach'}",
            hint="their journals are kept; run `wabucket sync` again",
        )
        error.result = result
        raise error
    return result


def _sync_one(ws: Workspace, path: Path) -> SyncedRun:
    run_id = path.stem
    try:
        stream, recovered = ws.service.recover(path)
    except JournalInUse:
        return SyncedRun(run_id, None, "running", None, (), None)
    except NotFound:
        return SyncedRun(run_id, None, "recorded", None, (), None)
    except IntegrityError as error:
        log.info("%s", error)
        return SyncedRun(run_id, None, "empty", None, (), None)
    except WaBucketError as error:
        return SyncedRun(run_id, None, "pending", None, (), str(error))
    return _finish(ws, stream, recovered)


def _finish(ws: Workspace, stream: Stream, recovered: Recovered) -> SyncedRun:
    outcomes = stream.settle_operations(time.monotonic() + ws.settings.deadline)
    if stream.left_for_later:
        stream.abandon()
        return SyncedRun(stream.key.run_id, stream.key.project, "pending", None, (), _why(stream))
    exit_code, state = _ending(recovered, [code for code, _ in outcomes])
    error: str | None = None
    try:
        tracking = stream.finish(Ending(exit_code, state, time.monotonic() + ws.settings.finish_timeout))
    except WaBucketError as late:
        tracking, error = "pending", str(late)
    error = _why(stream) or error
    artifacts = [*recovered.outputs, *(ref for code, ref in outcomes if code == 0)]
    return SyncedRun(stream.key.run_id, stream.key.project, tracking, str(state), artifacts, error)


def _why(stream: Stream) -> str | None:
    return str(stream.gate.cause) if stream.gate.cause is not None else None


def _ending(recovered: Recovered, codes: Sequence[int]) -> tuple[int, RunState]:
    """How the run ended: as its process said; else a command by its operation, and a session has crashed."""
    if recovered.exit is not None:
        return recovered.exit[0], RunState(recovered.exit[1])
    failed = [code for code in (*recovered.failures, *codes) if code]
    if not recovered.state.single_operation or not recovered.state.xids:
        return 1, RunState.CRASHED
    return (failed[0], RunState.from_exit_code(failed[0])) if failed else (0, RunState.FINISHED)
