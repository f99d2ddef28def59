"""Status: which runs of this home are under way or wait to be recorded."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wabucketref.errors import NotFound, WaBucketError
from wabucketref.operations.journals import journals
from wabucketref.service.journal import Journal, JournalInUse
from wabucketref.service.recovery import recover
from wabucketref.settings import Settings


@dataclass(frozen=True)
class RunStatus:
    """One journal."""

    run_id: str
    project: str | None
    state: str
    """``running``: its process lives; ``waiting``: for ``wabucket sync``."""
    unfinished: Sequence[str]
    """Operations (xids) whose outcome is not journaled."""
    bytes: int
    age: float
    """Seconds since the journal was last written."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "run": self.run_id,
            "project": self.project,
            "state": self.state,
            "unfinished": list(self.unfinished),
            "journal_bytes": self.bytes,
            "age_seconds": round(self.age, 3),
        }


@dataclass(frozen=True)
class StatusResult:
    """All journals, or the one asked for."""

    items: Sequence[RunStatus]

    def to_dict(self) -> dict[str, Any]:
        return {"items": [item.to_dict() for item in self.items]}

    def lines(self) -> list[str]:
        """For people."""
        return [
            f"{item.run_id}  {item.project or '-'}  {item.state}, {len(item.unfinished)} unfinished, "
            f"last written {item.age:.0f} s ago"
            for item in self.items
        ]


def status(settings: Settings, which: str | None = None) -> StatusResult:
    """What is under way; `which` is a run id or an xid.

    Raises:
        NotFound: `which` is not under way (it may be finished: see ``wabucket runs``).
    """
    items = [_status_of(path) for path in journals(settings)]
    if which is None:
        return StatusResult(items)
    found = [item for item in items if which == item.run_id or which in item.unfinished]
    if not found:
        raise NotFound(f"nothing named {which!r} is under way", hint="finished runs are in `wabucket runs`")
    return StatusResult(found)


def _status_of(path: Path) -> RunStatus:
    facts = path.stat()
    age = max(0.0, time.time() - facts.st_mtime)
    try:
        journal = Journal.open(path)
    except JournalInUse:
        return RunStatus(path.stem, None, "running", (), facts.st_size, age)
    except WaBucketError as error:
        return RunStatus(path.stem, None, f"unreadable: {error}", (), facts.st_size, age)
    try:
        recovered = recover(journal)
        unfinished = sorted(recovered.state.xids - recovered.settled)
        return RunStatus(path.stem, recovered.state.key.project, "waiting", unfinished, facts.st_size, age)
    except WaBucketError:
        return RunStatus(path.stem, None, "empty", (), facts.st_size, age)
    finally:
        journal.close()
