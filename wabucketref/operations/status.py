"""Status: which runs of this home are under way or wait to be recorded, and their transfers."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wabucketref.errors import NotFound, WaBucketError
from wabucketref.operations.background import service_status
from wabucketref.operations.journals import is_owned, journals
from wabucketref.service.journal import Journal
from wabucketref.service.recovery import Recovered, recover
from wabucketref.service.wabucket_pb2 import ArtifactDone, StatusReport, TransferReport
from wabucketref.settings import Settings


@dataclass(frozen=True)
class Transfer:
    """One operation of a run."""

    xid: str
    state: str
    """``queued``, ``running``, ``done``, ``failed``; from a journal alone only ``unfinished`` or ``ended``."""
    what: str = ""
    files: int = 0
    bytes: int = 0
    files_total: int | None = None
    bytes_total: int | None = None
    error: str | None = None
    bytes_moved: int | None = None
    """Of the data, over the wire in the last try; None until it has ended."""
    bytes_reused: int | None = None
    """That were there already."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "xid": self.xid,
            "state": self.state,
            "what": self.what,
            "files": self.files,
            "bytes": self.bytes,
            "files_total": self.files_total,
            "bytes_total": self.bytes_total,
            "bytes_moved": self.bytes_moved,
            "bytes_reused": self.bytes_reused,
            "error": self.error,
        }


@dataclass(frozen=True)
class RunStatus:
    """One run."""

    run_id: str
    project: str | None
    state: str
    """``running``: its process lives; ``background``: the service ends it by itself; ``ending``; ``ended``: with
    results that nobody has fetched; ``waiting``: for ``wabucket sync``."""
    transfers: Sequence[Transfer] = ()
    cause: str | None = None
    """Why it is not recorded now."""
    bytes: int = 0
    """Of the journal."""
    age: float | None = None
    """Seconds since the journal was last written; None when that is not known."""

    @property
    def unfinished(self) -> list[str]:
        """Operations (xids) whose outcome is not journaled."""
        return [one.xid for one in self.transfers if one.state in ("queued", "running", "unfinished")]

    def to_dict(self) -> dict[str, Any]:
        return {
            "run": self.run_id,
            "project": self.project,
            "state": self.state,
            "cause": self.cause,
            "unfinished": self.unfinished,
            "transfers": [one.to_dict() for one in self.transfers],
            "journal_bytes": self.bytes,
            "age_seconds": None if self.age is None else round(self.age, 3),
        }


@dataclass(frozen=True)
class StatusResult:
    """All runs, or the one asked for."""

    items: Sequence[RunStatus]

    def to_dict(self) -> dict[str, Any]:
        return {"items": [item.to_dict() for item in self.items]}


def status(settings: Settings, which: str | None = None) -> StatusResult:
    """What is under way, in the background service and in other processes; `which` is a run id or an xid.

    Raises:
        NotFound: `which` is not under way (it may be finished: see ``wabucket runs``).
        TimedOut: the service does not answer.
    """
    items = list(_items(settings))
    if which is None:
        return StatusResult(items)
    found = [item for item in items if which == item.run_id]
    found = found or [item for item in items if which in (one.xid for one in item.transfers)]
    if not found:
        raise NotFound(f"nothing named {which!r} is under way", hint="finished runs are in `wabucket runs`")
    return StatusResult(found)


def _items(settings: Settings) -> Iterator[RunStatus]:
    told = [run_of_report(report) for report in service_status(settings).report.runs]
    yield from told
    known = {item.run_id for item in told if item.state != "ended"}
    for path in journals(settings):
        if path.stem not in known:
            yield _status_of(path)


def run_of_report(report: StatusReport) -> RunStatus:
    """What the service says of a run."""
    transfers = [*map(_under_way, report.transfers), *map(_over, report.done)]
    return RunStatus(
        run_id=report.key.run_id,
        project=report.key.project or None,
        state="running" if report.state == "attached" else report.state,
        transfers=transfers,
        cause=report.cause.message if report.HasField("cause") else None,
        bytes=report.journaled,
    )


def _under_way(report: TransferReport) -> Transfer:
    return Transfer(
        xid=report.xid,
        state="running" if report.label else "queued",
        what=report.what,
        files=report.files,
        bytes=report.bytes,
        files_total=None if report.total_files < 0 else report.total_files,
        bytes_total=None if report.total_bytes < 0 else report.total_bytes,
    )


def _over(done: ArtifactDone) -> Transfer:
    if done.HasField("error"):
        return Transfer(done.xid, "failed", error=done.error.message)
    outcome = done.committed if done.HasField("committed") else done.fetched
    artifact = outcome.artifact
    what = f"{artifact.type}/{artifact.name}:{artifact.alias}"
    return Transfer(
        xid=done.xid,
        state="done",
        what=what,
        files=artifact.files,
        bytes=artifact.bytes,
        files_total=artifact.files,
        bytes_total=artifact.bytes,
        bytes_moved=outcome.figures.bytes_moved,
        bytes_reused=outcome.figures.bytes_reused,
    )


def _status_of(path: Path) -> RunStatus:
    """What a journal says, also while its owner writes it."""
    try:
        facts = path.stat()
        alive = is_owned(path)
        with Journal.look(path) as journal:
            found = recover(journal)
    except NotFound:
        return RunStatus(path.stem, None, "ended")
    except WaBucketError as error:
        return RunStatus(path.stem, None, "unreadable", cause=str(error))
    except OSError as error:
        return RunStatus(path.stem, None, "unreadable", cause=error.strerror)
    age = max(0.0, time.time() - facts.st_mtime)
    state = "running" if alive else "waiting"
    return RunStatus(path.stem, found.state.key.project, state, _operations(found), None, facts.st_size, age)


def _operations(found: Recovered) -> list[Transfer]:
    return [Transfer(xid, "ended" if xid in found.settled else "unfinished") for xid in sorted(found.state.xids)]
