"""What the tests of the artifact layer share: buckets in memory, plans, and trees of files."""

import itertools
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wabucketref.contracts.progress import SilentProgress
from wabucketref.contracts.storage import Capabilities, Storage
from wabucketref.contracts.transfer import Cancel, NoMemory, OpenUpload, StoredFile, StoredPart, TransferMemory
from wabucketref.model.plan import AdoptPlan, Committed, DownloadPlan, Fetched, LinkPlan, RunFacts, UploadPlan
from wabucketref.model.reference import ArtifactRef
from wabucketref.retry import RetryPolicy
from wabucketref.store.drivers.memory import MemoryStorage
from wabucketref.store.engine.limits import TransferLimits
from wabucketref.store.identity import Identity
from wabucketref.store.plane import DataPlane
from wabucketref.store.wrappers.declared import Declared

REF = ArtifactRef("model", "net", "one")
RUN = RunFacts("r1", "project", "me")
CREATED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SMALL = TransferLimits(concurrency=4, memory=1 << 20, part_size=1 << 10, multipart_threshold=2 << 10)
UNCONDITIONAL = Capabilities(multipart=True, resumable=True, min_part_bytes=1)
_names = itertools.count()


IMPATIENT = RetryPolicy(attempts=4, sleep=lambda seconds: None)


def bucket() -> MemoryStorage:
    """A new empty bucket."""
    return MemoryStorage(f"bucket-{os.getpid()}-{next(_names)}")


def unconditional(storage: Storage) -> Storage:
    """The bucket as a store without conditional writes."""
    return Declared(storage, UNCONDITIONAL)


def plane(storage: Storage, who: Identity | None = None, limits: TransferLimits = SMALL, **more: Any) -> DataPlane:
    who = who or Identity.current("home")
    return DataPlane(lambda url: storage, identity=who, limits=limits, policy=IMPATIENT, **more)


def stranger(host: str = "elsewhere", pid: int = 4242) -> Identity:
    """A process on another machine."""
    return Identity("other-home", host, "other-boot", pid, 1.0)


def upload_plan(source: Path, xid: str = "x1", ref: ArtifactRef = REF, **more: Any) -> UploadPlan:
    return UploadPlan(source=str(source), **_write(xid, ref), **more)


def link_plan(base: str, xid: str = "x1", ref: ArtifactRef = REF) -> LinkPlan:
    return LinkPlan(base=base, **_write(xid, ref))


def adopt_plan(xid: str = "x1", ref: ArtifactRef = REF, **more: Any) -> AdoptPlan:
    return AdoptPlan(**_write(xid, ref), **more)


def download_plan(destination: Path, ref: ArtifactRef = REF, **more: Any) -> DownloadPlan:
    return DownloadPlan(destination=str(destination), **_of("d1", ref), **more)


def _write(xid: str, ref: ArtifactRef) -> dict[str, Any]:
    return _of(xid, ref) | {"run": RUN, "created": CREATED}


def _of(xid: str, ref: ArtifactRef) -> dict[str, Any]:
    return {"xid": xid, "bucket": "memory://b", "type": ref.type, "name": ref.name, "alias": ref.alias}


def send(storage: Storage, plan: UploadPlan, memory: TransferMemory | None = None, **more: Any) -> Committed:
    """Upload by a process of its own."""
    return plane(storage, **more).upload(plan, progress=SilentProgress(), cancel=Cancel(), memory=memory or NoMemory())


def fetch(storage: Storage, plan: DownloadPlan, **more: Any) -> Fetched:
    return plane(storage, **more).download(plan, progress=SilentProgress(), cancel=Cancel())


def connect(storage: Storage, plan: LinkPlan, **more: Any) -> Committed:
    return plane(storage, **more).link(plan, progress=SilentProgress(), cancel=Cancel())


def take_over(storage: Storage, plan: AdoptPlan, **more: Any) -> Committed:
    return plane(storage, **more).adopt(plan, progress=SilentProgress(), cancel=Cancel())


def make_tree(root: Path, files: Mapping[str, bytes | None]) -> Path:
    """Files by path; None makes an empty directory."""
    root.mkdir(parents=True, exist_ok=True)
    for path, data in files.items():
        place = root / path
        if data is None:
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
    return root


def read_tree(root: Path) -> dict[str, bytes | None]:
    """What :func:`make_tree` takes, read back; only empty directories are named."""
    found: dict[str, bytes | None] = {}
    for place in sorted(root.rglob("*")):
        path = place.relative_to(root).as_posix()
        if place.is_dir():
            if not any(place.iterdir()):
                found[path] = None
        else:
            found[path] = place.read_bytes()
    return found


def keys(storage: Storage, prefix: str = "") -> list[str]:
    return sorted(info.key for info in storage.list(prefix))


class Memory:
    """A transfer memory that lives as long as the test."""

    def __init__(self) -> None:
        self.files: dict[str, StoredFile] = {}
        self.open: dict[OpenUpload, dict[int, StoredPart]] = {}

    def recall(self, path: str) -> StoredFile | None:
        return self.files.get(path)

    def remember(self, stored: StoredFile) -> None:
        self.files[stored.path] = stored
        for upload in self.unfinished():
            if upload.path == stored.path:
                self.end(upload)

    def begin(self, upload: OpenUpload) -> bool:
        self.open[upload] = {}
        return True

    def landed(self, upload: OpenUpload, part: StoredPart) -> None:
        self.open[upload][part.number] = part

    def unfinished(self) -> list[OpenUpload]:
        return list(self.open)

    def parts_of(self, upload: OpenUpload) -> dict[int, StoredPart]:
        return dict(self.open[upload])

    def end(self, upload: OpenUpload) -> None:
        self.open.pop(upload, None)


def dead(who: Identity) -> Identity:
    """The same machine and home, but a process that is gone."""
    return replace(who, pid=2**22 + 1, started=1.0)
