"""Results as the floors below give them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wabucketref.model.artifact import ArtifactInfo
from wabucketref.model.audit import CheckedVersion, Finding, VerifyAllResult
from wabucketref.model.garbage import Garbage, GcResult, Kept
from wabucketref.model.manifest import Entry
from wabucketref.model.plan import TransferFigures
from wabucketref.model.rebuilt import RebuildResult, Skipped
from wabucketref.model.relocation import Moved, RelocateResult, State
from wabucketref.model.result import Damage, DownloadResult, RunSummary, UploadResult, VerifyResult
from wabucketref.model.run import Lineage, RunInfo, RunState

WHEN = datetime(2024, 6, 1, 12, 30, 5, tzinfo=UTC)
DIGEST = "blake3:" + "ab" * 32
RUN = RunSummary("r1", "calm-river", "demo", "ada", None)
FIGURES = TransferFigures(bytes_moved=10, bytes_reused=2, files_moved=1, files_reused=1, seconds=0.25)


def artifact(**changes: Any) -> ArtifactInfo:
    facts: dict[str, Any] = {
        "type": "dataset",
        "name": "cats",
        "alias": "first",
        "version": "v0",
        "uri": "file:///b/dataset/cats/first",
        "bucket": "file:///b",
        "digest": DIGEST,
        "files": 2,
        "bytes": 2048,
        "created": WHEN,
        "metadata": {"source": "zoo", "pages": 3},
        "aliases": ("first", "latest"),
    }
    return ArtifactInfo(**(facts | changes))


def run(**changes: Any) -> RunInfo:
    facts: dict[str, Any] = {
        "id": "r1",
        "name": "calm-river",
        "project": "demo",
        "entity": "ada",
        "state": RunState.FINISHED,
        "created": WHEN,
        "finished": WHEN,
        "exit_code": 0,
        "job_type": "train",
        "config": {"lr": 0.1, "job": {}},
        "summary": {"loss": float("nan")},
        "tags": ("owner:ada",),
        "job": {"vcs.ref.head.name": "main"},
        "inputs": ("dataset/raw:1",),
        "outputs": ("dataset/cats:first",),
    }
    return RunInfo(**(facts | changes))


def upload_result(**changes: Any) -> UploadResult:
    facts: dict[str, Any] = {"artifact": artifact(), "run": RUN, "tracking": "recorded", "transfer": FIGURES}
    return UploadResult(**(facts | changes))


def download_result(**changes: Any) -> DownloadResult:
    facts: dict[str, Any] = {
        "artifact": artifact(),
        "run": RUN,
        "tracking": "recorded",
        "transfer": FIGURES,
        "path": Path("dataset/cats/first"),
        "verified": True,
    }
    return DownloadResult(**(facts | changes))


def lineage(**changes: Any) -> Lineage:
    facts: dict[str, Any] = {
        "artifact": artifact(),
        "produced_by": run(),
        "used_by": [run(id="r2", name="evaluate", inputs=("dataset/cats:first",), outputs=("report/eval:1",))],
        "upstream": [artifact(name="raw", alias="1")],
        "downstream": [artifact(type="report", name="eval", alias="1")],
    }
    return Lineage(**(facts | changes))


def damage(path: str = "a.txt") -> Damage:
    return Damage(path, "digest", DIGEST, "blake3:" + "cd" * 32)


def verify_result(*found: Damage) -> VerifyResult:
    return VerifyResult(artifact(), True, 2, 2048, found, ("stray.txt",))


def verify_all_result(*items: CheckedVersion, findings: tuple[Finding, ...] = ()) -> VerifyAllResult:
    return VerifyAllResult("file:///b", "ada", "demo", False, items, findings)


def gc_result(*items: Garbage, kept: tuple[Kept, ...] = (), **changes: Any) -> GcResult:
    facts: dict[str, Any] = {"bucket": "file:///b", "scope": None, "keep_last": None, "applied": False}
    return GcResult(**(facts | changes), items=items, kept=kept)


def rebuild_result(*skipped: Skipped, **changes: Any) -> RebuildResult:
    result = RebuildResult("file:///b", skipped=list(skipped), **changes)
    result.count(("ada", "demo"), added=True)
    return result


def relocate_result(state: State = "ok", explanation: str | None = None) -> RelocateResult:
    return RelocateResult("file:///a", "file:///b", False, [Moved(("ada", "demo"), artifact(), state, explanation)])


def garbage(**changes: Any) -> Garbage:
    facts: dict[str, Any] = {"kind": "unfinished", "what": "dataset/cats:one", "objects": 3, "bytes": 2048}
    return Garbage(**({"since": WHEN} | facts | changes))


FILES = [Entry("a.txt", 10, DIGEST), Entry("empty", 0, "", "directory")]
