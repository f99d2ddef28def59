"""Sync: finish or fail, exactly once, whatever earlier processes left in the journal."""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from wabucketref.errors import IntegrityError, NotFound, TrackingPending, WaBucketError
from wabucketref.operations.journals import damaged_parts, journals, lost_journals
from wabucketref.operations.lost import end_lost
from wabucketref.operations.workspace import Workspace
from wabucketref.service.journal_file import JournalInUse
from wabucketref.service.recovery import Recovered
from wabucketref.service.settle import settle
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
    items = [_with_damage(_sync_one(ws, path), path) for path in journals(ws.settings)]
    result = SyncResult([*items, *_lost(ws, {item.run_id for item in items})])
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
        return _ended(ws, run_id) or SyncedRun(run_id, None, "empty", None, (), None)
    except WaBucketError as error:
        return SyncedRun(run_id, None, "pending", None, (), str(error))
    return _finish(ws, stream, recovered)


def _lost(ws: Workspace, known: set[str]) -> Iterator[SyncedRun]:
    """Runs of whose journals only damaged parts are left, as the background service may have found them."""
    for path in lost_journals(ws.settings):
        item = None if path.stem in known else _ended(ws, path.stem)
        if item is not None:
            yield _with_damage(item, path)


def _ended(ws: Workspace, run_id: str) -> SyncedRun | None:
    state = end_lost(ws, run_id)
    return None if state is None else SyncedRun(run_id, ws.project[1], "recorded", str(state), (), None)


def _with_damage(item: SyncedRun, path: Path) -> SyncedRun:
    """Say what could not be read of the journal: a run must not look whole, or as if it never was, when it is not."""
    aside = damaged_parts(path)
    if not aside or item.error:
        return item
    return replace(item, error=f"what follows the damage in its journal is kept as {', '.join(aside)}")


def _finish(ws: Workspace, stream: Stream, recovered: Recovered) -> SyncedRun:
    settled = settle(
        stream,
        deadline=time.monotonic() + ws.settings.deadline,
        finish_timeout=ws.settings.finish_timeout,
        recovered=recovered,
    )
    return SyncedRun(
        run_id=stream.key.run_id,
        project=stream.key.project,
        outcome=settled.tracking,
        state=None if settled.state is None else str(settled.state),
        artifacts=settled.artifacts,
        error=settled.error,
    )
