"""Copies of files that a tracker shall keep: what was uploaded counts, whatever becomes of the source, and the tracker
may be away for long. They take as much of the home's disk as the files, until the tracker has them.
"""

import base64
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from wabucketref.contracts.storage import Storage
from wabucketref.contracts.tracker_files import CopiedFile
from wabucketref.errors import CopiesGone, UsageError
from wabucketref.failpoints import hit
from wabucketref.model.artifact import LoggedArtifact
from wabucketref.model.plan import Committed, TransferFigures, UploadPlan
from wabucketref.store.disk.localio import local, sync_file_system
from wabucketref.store.engine.pool import Crew
from wabucketref.store.format.digest import digest_of
from wabucketref.store.source.read import Source
from wabucketref.store.source.tree import Found, Tree

_LIST: Final = "files.json"
"""Written last: without it the copies are not whole."""
_MANIFEST: Final = b"wandb-artifact-manifest-v1\n"


class HomeCopies:
    """Implements contracts.tracker.Copies, below a directory of the home. Thread-safe."""

    def __init__(self, directory: str, open_storage: Callable[[str], Storage]) -> None:
        self._directory = directory
        self.open = open_storage

    def files(self, xid: str) -> Sequence[CopiedFile]:
        """See the contract."""
        place = self._place(xid)
        try:
            with open(os.path.join(place, _LIST), encoding="utf-8") as file:
                found = json.load(file)
        except (FileNotFoundError, ValueError) as error:
            raise CopiesGone(f"the copies in {place} are gone", hint="upload it again") from error
        return [CopiedFile(path, size, md5, os.path.join(place, name)) for path, size, md5, name in found]

    def drop(self, xid: str) -> None:
        """See the contract."""
        shutil.rmtree(self._place(xid), ignore_errors=True)

    def take(self, plan: UploadPlan, tree: Tree, crew: Crew) -> Committed:
        """Copy what was scanned.

        Raises:
            UsageError: there are no files.
            SourceChanged: a file changed while it was read.
            LocalIOError: there is no room.
        """
        if not tree.files:
            raise UsageError(f"{plan.source!r} has no files, and a tracker keeps no empty directories")
        return _committed(plan, self._copy(plan, tree, crew))

    def taken(self, plan: UploadPlan) -> Committed | None:
        """What an earlier try of the same operation copied, if it was all."""
        try:
            return _committed(plan, self.files(plan.xid))
        except CopiesGone:
            return None

    def _copy(self, plan: UploadPlan, tree: Tree, crew: Crew) -> Sequence[CopiedFile]:
        place = self._place(plan.xid)
        self.drop(plan.xid)
        with local(f"make the directory {place!r}"):
            os.makedirs(place, mode=0o700)
        crew.progress.start("copy", tree.files, tree.bytes)
        try:
            with Source(tree.root) as source:
                done = crew.in_order(lambda found: _copy_file(source, found, place, crew), tree)
                files = [file for file in done if file is not None]
            _seal(place, files)
        except BaseException:
            self.drop(plan.xid)
            raise
        finally:
            crew.progress.finish()
        hit("copies.taken")
        return files

    def _place(self, xid: str) -> str:
        return os.path.join(self._directory, os.path.basename(xid))


def _copy_file(source: Source, found: Found, place: str, crew: Crew) -> CopiedFile | None:
    if found.directory:
        return None
    path = os.path.join(place, digest_of(found.path.encode())[-32:])
    md5 = hashlib.md5(usedforsecurity=False)
    held = crew.budget.acquire(min(found.size, crew.limits.part_size), crew.check)
    try:
        with local(f"write {path!r}"):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as copy, source.open(found) as file:
            for piece in file.pieces(crew.limits.part_size):
                crew.check()
                md5.update(piece)
                with local(f"write {path!r}"):
                    copy.write(piece)
                crew.progress.advance(bytes=len(piece))
            with local(f"write {path!r}"):
                copy.flush()
    finally:
        crew.budget.release(held)
    crew.progress.advance(files=1)
    return CopiedFile(found.path, found.size, base64.b64encode(md5.digest()).decode(), path)


def _seal(place: str, files: Sequence[CopiedFile]) -> None:
    """All is durable before the list is there."""
    listed = [(file.path, file.size, file.md5, os.path.basename(file.place)) for file in files]
    part, whole = os.path.join(place, f".{_LIST}"), os.path.join(place, _LIST)
    with local(f"write {whole!r}"):
        with open(part, "w", encoding="utf-8", opener=_private) as out:
            json.dump(listed, out, ensure_ascii=True)
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            sync_file_system(descriptor)
            os.replace(part, whole)
            with suppress(OSError):
                os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _committed(plan: UploadPlan, files: Sequence[CopiedFile]) -> Committed:
    size = sum(file.size for file in files)
    artifact = LoggedArtifact(
        xid=plan.xid,
        type=plan.type,
        name=plan.name,
        alias=plan.alias,
        digest=content_digest(files),
        uri=f"{plan.bucket}/{plan.ref.directory}",
        bucket=plan.bucket,
        files=len(files),
        bytes=size,
        created=plan.created,
        metadata=plan.metadata,
        overwrites=plan.overwrite,
    )
    return Committed(artifact, TransferFigures(bytes_moved=size, files_moved=len(files)))


def content_digest(files: Sequence[CopiedFile]) -> str:
    """What W&B calls the digest of an artifact of these files: MD5 in hex over paths and MD5s."""
    found = hashlib.md5(_MANIFEST, usedforsecurity=False)
    for file in sorted(files, key=lambda one: one.path):
        found.update(f"{file.path}:{file.md5}\n".encode())
    return found.hexdigest()


def _private(name: str, flags: int) -> int:
    return os.open(name, flags | os.O_CLOEXEC, 0o600)
