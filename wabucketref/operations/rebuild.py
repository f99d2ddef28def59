"""Rebuild: the catalog is filled from what lies in the bucket."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Final, cast

from wabucketref.contracts.progress import Progress, SilentProgress
from wabucketref.contracts.tracker import AliasHeld
from wabucketref.contracts.tracker_buckets import Added, FoundUpload, RebuildableTracker
from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import Interrupted, InvalidValue, Unsupported, UpgradeRequired, UsageError
from wabucketref.failpoints import hit
from wabucketref.model.artifact import LoggedArtifact, Standing
from wabucketref.model.names import check_new_alias, check_project
from wabucketref.model.rebuilt import Problem, RebuildResult, Skipped
from wabucketref.model.reference import ArtifactRef
from wabucketref.model.run import RunKey
from wabucketref.operations.journals import journals
from wabucketref.operations.workspace import Workspace
from wabucketref.store.uploads import Unreadable, Upload, Uploads

_BATCH: Final = 200
"""Uploads a transaction."""
_TRIES: Final = 4


def rebuild(ws: Workspace, progress: Progress | None = None) -> RebuildResult:
    """Record every upload of the bucket that the tracker does not know, of whatever project, oldest first.

    Doing it again changes nothing, also after a crash. Uploads that cannot be recorded are named in the result.

    Raises:
        Unsupported: the tracker cannot be rebuilt from a bucket.
        NotAuthorised, TransientError: bucket or tracker cannot be reached; again goes on from there.
    """
    check_rebuildable(ws)
    cancel = Cancel()
    try:
        with ws.plane.uploads(ws.bucket, progress=progress or SilentProgress(), cancel=cancel) as uploads:
            return _Rebuilding(ws, uploads).run()
    except BaseException:
        cancel.set(Interrupted("the catalog is not rebuilt any more"))
        raise


def check_rebuildable(ws: Workspace) -> None:
    """Refuse trackers that keep what no bucket can tell them.

    Raises:
        Unsupported: it is one.
        WaBucketError: it cannot be opened.
    """
    if not ws.tracker.capabilities.rebuilds:
        raise Unsupported(
            f"the tracker {ws.tracker.name} cannot be filled from a bucket: only the catalog can",
            hint="give --tracker embedded to rebuild the catalog of this home",
        )
    ws.tracker.check()


class _Rebuilding:
    def __init__(self, ws: Workspace, uploads: Uploads) -> None:
        self._ws = ws
        self._tracker = cast(RebuildableTracker, ws.tracker)
        self._uploads = uploads
        self._under_way = {path.stem for path in journals(ws.settings)}
        """Runs whose journal will end them."""
        self._default = ws.project if ws.settings.project_name is not None else None
        self._result = RebuildResult(ws.bucket, ws.set_aside)

    def run(self) -> RebuildResult:
        self._result.skipped += map(_unreadable, self._uploads.unreadable)
        waiting = iter(self._uploads)
        while batch := list(islice(waiting, _BATCH)):
            self._record(batch)
            hit("rebuild.recorded")
        return self._result

    def _record(self, uploads: Sequence[Upload]) -> None:
        """The bucket says which upload has an alias: what the tracker has there else is asked about, as when an upload
        is recorded late. What another took the place of since it was read is left out: who did that records it."""
        holders: dict[ArtifactRef, str] = {}
        for _ in range(_TRIES):
            found = {one.artifact.ref: one for one in self._found(uploads, holders)}
            hit("rebuild.adding")
            answers = self._add(list(found.values()))
            there = self._uploads.still_there(one for one in uploads if _is_in_question(answers.get(one.ref)))
            for ref in answers.keys() - {one.ref for one in there}:
                self._take_back(found[ref], answers[ref])
            holders = {ref: held.holder for ref, held in answers.items() if isinstance(held, AliasHeld)}
            uploads = [one for one in there if one.ref in holders and one.header is not None]
            if not uploads:
                return

    def _add(self, found: Sequence[FoundUpload]) -> dict[ArtifactRef, Added | AliasHeld]:
        """All at once; one by one when the tracker cannot hold one of them, which is left out then."""
        try:
            answers = self._tracker.add_found(found)
        except InvalidValue as error:
            if len(found) > 1:
                return {ref: answer for one in found for ref, answer in self._add([one]).items()}
            self._result.skipped.extend(Skipped(str(one.artifact.ref), "damaged", str(error)) for one in found)
            return {}
        for one, new in zip(found, answers, strict=True):
            self._count(one, new)
        return {one.artifact.ref: answer for one, answer in zip(found, answers, strict=True)}

    def _take_back(self, one: FoundUpload, answer: Added | AliasHeld) -> None:
        """Whoever removes an upload tells the tracker once it is gone, which may have been before it was recorded."""
        if not _is_new(answer):
            return
        ref, digest = one.artifact.ref, one.artifact.digest or None
        forget = partial(self._tracker.remove_artifact, replace(ref, digest=digest), one.project, self._ws.bucket)
        if self._ws.plane.told_if_gone(self._ws.bucket, ref, forget):
            self._result.take_back(one.project, unverified=digest is None)

    def _count(self, one: FoundUpload, new: Added | AliasHeld) -> None:
        if isinstance(new, Added):
            self._result.runs += new.run
            self._result.unverified += not one.artifact.digest
            self._result.count(one.project, added=new.version)

    def _found(self, uploads: Sequence[Upload], holders: Mapping[ArtifactRef, str]) -> Iterator[FoundUpload]:
        for upload in uploads:
            try:
                check_new_alias(upload.ref.alias)
                run = _run_of(upload)
            except UsageError as error:
                self._skip(upload, "damaged" if upload.header is not None else "skipped", str(error))
                continue
            project = (run.entity, run.project) if run is not None else self._default
            if project is None:
                self._skip(upload, "skipped", "it does not say of which project it is: give -p/--project-name")
                continue
            open_run = run is not None and run.run_id in self._under_way
            yield FoundUpload(
                self._artifact(upload, holders.get(upload.ref, "")), project, run, upload.committed, open_run
            )

    def _artifact(self, upload: Upload, holder: str) -> LoggedArtifact:
        header, ref = upload.header, upload.ref
        return LoggedArtifact(
            xid=header.write_id if header else "",
            type=ref.type,
            name=ref.name,
            alias=ref.alias,
            digest=header.digest if header else "",
            uri=f"{self._ws.bucket}/{ref.directory}",
            bucket=self._ws.bucket,
            files=upload.files,
            bytes=upload.bytes,
            created=upload.created,
            metadata=header.metadata if header else {},
            linked=header is not None and header.base is not None,
            standing=Standing(holder=holder),
        )

    def _skip(self, upload: Upload, problem: Problem, explanation: str) -> None:
        self._result.skipped.append(Skipped(str(upload.ref), problem, explanation))


def _is_new(answer: Added | AliasHeld) -> bool:
    return isinstance(answer, Added) and answer.version


def _is_in_question(answer: Added | AliasHeld | None) -> bool:
    """Whether it must be looked at again what the bucket has there."""
    return isinstance(answer, AliasHeld) or (answer is not None and _is_new(answer))


def _unreadable(one: Unreadable) -> Skipped:
    return Skipped(str(one.ref), "newer" if isinstance(one.error, UpgradeRequired) else "damaged", str(one.error))


def _run_of(upload: Upload) -> RunKey | None:
    """The run that the header names, None when it names none.

    Raises:
        UsageError: what it names can be none.
    """
    facts = upload.header.run if upload.header is not None else {}
    if not facts:
        return None
    found = {field: facts.get(field) for field in ("entity", "project", "id")}
    for field, value in found.items():
        if not isinstance(value, str):
            raise UsageError(f"its manifest names no {field} of its run")
        check_project(value, field)
    return RunKey(*(str(value) for value in found.values()))
