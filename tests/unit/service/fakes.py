"""A tracker and a data plane in memory, with switches for what can go wrong."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wabucketref.contracts.progress import Progress
from wabucketref.contracts.tracker import TrackerCapabilities
from wabucketref.contracts.transfer import Cancel, StoredFile, TransferMemory
from wabucketref.errors import AliasTaken, NotFound, WaBucketError
from wabucketref.model.artifact import ArtifactInfo, LoggedArtifact
from wabucketref.model.manifest import Header
from wabucketref.model.plan import Committed, DownloadPlan, Fetched, LinkPlan, RunFacts, TransferFigures, UploadPlan
from wabucketref.model.reference import ArtifactRef
from wabucketref.model.run import ConsoleLine, HistoryRow, RunInfo, RunKey, RunState, RunUpdate
from wabucketref.retry import RetryPolicy
from wabucketref.service import convert
from wabucketref.service.client import InProcess, RunClient
from wabucketref.service.journal import Sync
from wabucketref.service.service import Service, ServiceOptions
from wabucketref.service.trace import Trace, no_trace
from wabucketref.service.transfers import Transfers

CREATED = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
KEY = RunKey("ana", "demo", "run1")
ONCE = RetryPolicy(attempts=1)
Failure = Callable[[str], None]


class MemoryTracker:
    """Keeps what the contract says a tracker keeps. `before` is called with each method's name and may raise."""

    name = "memory"

    def __init__(self, *, records: bool = True) -> None:
        self.capabilities = TrackerCapabilities(records=records, queries=records)
        self.before: Failure = lambda name: None
        self.calls: list[str] = []
        self.runs: dict[str, dict[str, Any]] = {}
        self.rows: dict[int, HistoryRow] = {}
        self.row_batches: list[list[int]] = []
        self.lines: dict[int, ConsoleLine] = {}
        self.versions: dict[tuple[str, str], ArtifactInfo] = {}
        self.outputs: set[tuple[str, str]] = set()
        self.uses: dict[str, str] = {}
        self._lock = threading.RLock()

    def _begin(self, name: str) -> None:
        self.calls.append(name)
        self.before(name)

    def get_run(self, key: RunKey) -> RunInfo:
        """Only whether it is known: not among the counted calls."""
        with self._lock:
            if key.run_id not in self.runs:
                raise NotFound(f"no run {key.run_id}")
        return RunInfo(key.run_id, key.run_id, key.project, key.entity, RunState.RUNNING, datetime.now(UTC))

    def upsert_run(self, update: RunUpdate) -> RunInfo:
        self._begin("upsert_run")
        with self._lock:
            run = self.runs.setdefault(update.key.run_id, {"config": {}, "summary": {}, "state": "running"})
            for what in ("name", "job_type", "notes", "tags", "group"):
                if (value := getattr(update, what)) is not None:
                    run[what] = value
            for what in ("config", "summary"):
                run[what].update(getattr(update, what) or {})
                for gone in getattr(update, f"{what}_removed"):
                    run[what].pop(gone, None)
            key = update.key
            return RunInfo(key.run_id, run.get("name", ""), key.project, key.entity, RunState.RUNNING, CREATED)

    def append_history(self, key: RunKey, rows: Sequence[HistoryRow]) -> None:
        self._begin("append_history")
        with self._lock:
            self.row_batches.append([row.index for row in rows])
            for row in rows:
                self.rows.setdefault(row.index, row)

    def append_console(self, key: RunKey, lines: Sequence[ConsoleLine]) -> None:
        self._begin("append_console")
        for line in lines:
            self.lines.setdefault(line.index, line)

    def log_artifact(self, key: RunKey, artifact: LoggedArtifact) -> ArtifactInfo:
        self._begin("log_artifact")
        with self._lock:
            info = self.versions.setdefault(
                (artifact.bucket, artifact.digest), self._info(artifact, f"v{len(self.versions)}")
            )
            self.outputs.add((key.run_id, str(artifact.ref)))
            return info

    def use_artifact(self, key: RunKey, xid: str, artifact: LoggedArtifact) -> ArtifactInfo:
        self._begin("use_artifact")
        self.uses[xid] = str(artifact.ref)
        return self._info(artifact, None)

    def finish_run(self, key: RunKey, state: RunState, exit_code: int) -> None:
        self._begin("finish_run")
        self.runs[key.run_id].update(state=str(state), exit_code=exit_code)

    def close(self) -> None: ...

    def end_state(self) -> Any:
        """Everything kept, for comparison."""
        rows = {index: (row.step, dict(row.values)) for index, row in sorted(self.rows.items())}
        lines = {index: line.text for index, line in sorted(self.lines.items())}
        return self.runs, rows, lines, sorted(self.versions), self.outputs, self.uses

    def _info(self, artifact: LoggedArtifact, version: str | None) -> ArtifactInfo:
        return ArtifactInfo(
            type=artifact.type,
            name=artifact.name,
            alias=artifact.alias,
            version=version,
            uri=artifact.uri,
            bucket=artifact.bucket,
            digest=artifact.digest,
            files=artifact.files,
            bytes=artifact.bytes,
            created=artifact.created,
            aliases=(artifact.alias, "latest"),
        )


@dataclass
class MemoryPlane:
    """A bucket of aliases, each with its writer's xid and a digest made of the source's text."""

    committed: dict[str, tuple[str, Committed]] = field(default_factory=dict)
    during: Callable[[str, Cancel], None] = lambda xid, cancel: None
    uploads: list[str] = field(default_factory=list)
    given_back: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def upload(self, plan: UploadPlan, *, progress: Progress, cancel: Cancel, memory: TransferMemory) -> Committed:
        progress.start(str(plan.ref), 1, 10)
        self.uploads.append(plan.xid)
        self.during(plan.xid, cancel)
        memory.remember(StoredFile("a", 10, 1, 2, 3, "digest"))
        progress.advance(files=1, bytes=10)
        return self._commit(plan.xid, plan.ref, plan.bucket, f"blake3:{plan.source}")

    def link(self, plan: LinkPlan, *, progress: Progress, cancel: Cancel) -> Committed:
        self.during(plan.xid, cancel)
        return self._commit(plan.xid, plan.ref, plan.bucket, f"blake3:{plan.base}")

    def download(self, plan: DownloadPlan, *, progress: Progress, cancel: Cancel) -> Fetched:
        self.during(plan.xid, cancel)
        figures = TransferFigures(bytes_moved=10, files_moved=1)
        return Fetched(plan.destination, plan.digest, 1, 10, figures, True, f"{plan.bucket}/{plan.ref.directory}")

    def give_back(self, bucket: str, ref: ArtifactRef, memory: TransferMemory) -> None:
        for upload in memory.unfinished():
            self.given_back.append(upload.upload_id)
            memory.end(upload)

    def was_committed_by(self, bucket: str, ref: ArtifactRef, xid: str) -> Committed | None:
        with self.lock:
            writer, committed = self.committed.get(str(ref), (None, None))
        return committed if writer == xid else None

    def find(self, bucket: str, ref: ArtifactRef) -> Header:
        with self.lock:
            writer, committed = self.committed.get(str(ref), ("", None))
        if committed is None:
            raise NotFound(f"{ref} is not there")
        nothing, digest = "blake3:" + "0" * 64, committed.artifact.digest
        return Header(writer, ref.type, ref.name, ref.alias, digest, 1, 10, nothing, 0, 0, {}, {}, CREATED.isoformat())

    def tidy(self, bucket: str, ref: ArtifactRef, xid: str) -> None: ...

    def write_id(self, bucket: str, ref: ArtifactRef) -> str:
        with self.lock:
            return self.committed[str(ref)][0] if str(ref) in self.committed else ""

    def has_claim(self, bucket: str, ref: ArtifactRef, xid: str) -> bool:
        return False

    def _commit(self, xid: str, ref: ArtifactRef, bucket: str, digest: str) -> Committed:
        with self.lock:
            if str(ref) in self.committed:
                found = self.committed[str(ref)][1]
                if found.artifact.digest != digest:
                    raise AliasTaken(f"{ref} holds another upload")
                return replace(found, already_there=True)
            artifact = LoggedArtifact(
                xid, ref.type, ref.name, ref.alias, digest, f"{bucket}/{ref.directory}", bucket, 1, 10, CREATED
            )
            committed = Committed(artifact, TransferFigures(bytes_moved=10, files_moved=1))
            self.committed[str(ref)] = (xid, committed)
            return committed


def upload_plan(xid: str = "x1", alias: str = "a1", source: str = "/data") -> UploadPlan:
    return UploadPlan(source=source, **_write(xid, alias))


def link_plan(xid: str = "l1", alias: str = "linked") -> LinkPlan:
    return LinkPlan(base="raw/cats", **_write(xid, alias))


def download_plan(xid: str = "d1", alias: str = "a1", destination: str = "/tmp/cats") -> DownloadPlan:
    return DownloadPlan(destination=destination, digest="blake3:/data", **_of(xid, alias))


def _write(xid: str, alias: str) -> dict[str, Any]:
    return _of(xid, alias) | {"run": RunFacts(KEY.run_id, KEY.project, KEY.entity), "created": CREATED}


def _of(xid: str, alias: str) -> dict[str, Any]:
    return {"xid": xid, "bucket": "memory://b", "type": "dataset", "name": "cats", "alias": alias}


class Floor:
    """A service over a memory tracker and plane, with its journals in `directory`."""

    def __init__(
        self,
        directory: Path,
        tracker: MemoryTracker | None,
        plane: MemoryPlane | None = None,
        *,
        trace: Trace = no_trace,
        sync: Sync = "normal",
        policy: RetryPolicy = ONCE,
    ) -> None:
        self.directory = directory
        self.tracker = tracker
        self.plane = plane or MemoryPlane()
        options = ServiceOptions(directory / "journal", directory / "memory", sync, policy, trace=trace)
        self.service = Service(Transfers(self.plane, directory / "memory"), tracker, options)  # type: ignore[arg-type]

    def client(self, run_id: str = KEY.run_id) -> RunClient:
        return RunClient(InProcess(self.service), run_id)

    def start(self, run_id: str = KEY.run_id, *, single_operation: bool = False) -> RunClient:
        """A run that is started."""
        client = self.client(run_id)
        update = RunUpdate(RunKey(KEY.entity, KEY.project, run_id), name="one", config={"lr": 0.1}, created=CREATED)
        client.start(convert.run_to_record(update, single_operation=single_operation), 10)
        return client

    @property
    def journals(self) -> list[Path]:
        return sorted((self.directory / "journal").glob("*.journal"))


def eventually(condition: Callable[[], bool], seconds: float = 5) -> bool:
    """Whether it becomes true in time."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def failing(*names: str, error: WaBucketError) -> Failure:
    """For ``MemoryTracker.before``: raise `error` in the methods named."""

    def before(name: str) -> None:
        if name in names:
            raise error

    return before
