"""Verify everything: each version of the project, and whether bucket, tracker and journal agree."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from wabucketref.contracts.progress import Progress, SilentProgress
from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import IntegrityError, Interrupted, NotFound, ReplacedWhileReading
from wabucketref.model.artifact import ArtifactInfo
from wabucketref.model.audit import CheckedVersion, Finding, State, VerifyAllResult
from wabucketref.model.manifest import Header
from wabucketref.model.reference import ArtifactRef
from wabucketref.operations.left import Left, what_is_left
from wabucketref.operations.resolve import info_of
from wabucketref.operations.workspace import Workspace
from wabucketref.store.survey import Survey
from wabucketref.threads import Pool

_AT_ONCE: Final = 4
_TRIES: Final = 3

Versions = Mapping[ArtifactRef, ArtifactInfo]


def verify_all(ws: Workspace, deep: bool = False, progress: Progress | None = None) -> VerifyAllResult:
    """Check every version of the project in this bucket as ``verify`` does, and compare bucket, tracker and journal.

    Nothing is changed. What other projects keep in the bucket is passed over.

    Raises:
        UpgradeRequired: a later release made one of the uploads.
        TransientError, NotAuthorised: bucket or tracker cannot be read.
    """
    entity, project = ws.project
    cancel = Cancel()
    survey = ws.plane.survey(ws.bucket, cancel=cancel)
    checking = _Checking(ws, deep, progress or SilentProgress(), cancel, survey, what_is_left(ws.settings, ws.project))
    items = checking.run()
    return VerifyAllResult(ws.bucket, entity, project, deep, items, [*checking.left.findings, *_leftovers(survey)])


def _leftovers(survey: Survey) -> Iterator[Finding]:
    for one in survey.unfinished:
        if not one.live:
            since = f" since {one.since}" if one.since else ""
            yield Finding("unfinished", str(one.ref), f"nobody finishes the upload that is there{since}")
    for one in survey.adopting:
        if not one.live:
            yield Finding("unfinished", str(one.ref), f"nobody finishes its adoption: wabucket adopt {one.ref}")
    for key in survey.orphans:
        yield Finding("orphan", key, "whoever made it is gone; nothing needs it")


class _Checking:
    def __init__(
        self, ws: Workspace, deep: bool, progress: Progress, cancel: Cancel, survey: Survey, left: Left
    ) -> None:
        self._ws = ws
        self._deep = deep
        self._progress = progress
        self._cancel = cancel
        self._survey = survey
        self.left = left
        self._asks = ws.tracker.capabilities.queries
        self._under_way = {one.ref for one in survey.unfinished if one.live} | left.unfinished

    def run(self) -> list[CheckedVersion]:
        """All versions, those that the tracker does not know last."""
        known = self._known()
        unknown = self._unknown(known)
        everything = [*known.values(), *unknown]
        self._progress.start("verify", sum(one.files for one in everything), sum(one.bytes for one in everything))
        try:
            items = self._check_each(everything)
        finally:
            self._progress.finish()
        return items if all(one.state == "ok" and one.recorded for one in items) else self._look_again(items)

    def _known(self) -> Versions:
        """The versions that the tracker has in this bucket, oldest first."""
        if not self._asks:
            return {}
        found = self._ws.tracker.list_artifacts(self._ws.project)
        return {one.ref: one for one in reversed(found) if one.bucket == self._ws.bucket}

    def _unknown(self, known: Versions) -> Iterator[ArtifactInfo]:
        """Uploads of this project, and those that do not say whose they are, that the tracker does not know."""
        entity, project = self._ws.project
        for ref in self._survey.uploads:
            if ref in known:
                continue
            try:
                header = self._ws.plane.find(self._ws.bucket, ref)
            except IntegrityError:
                yield info_of(self._ws.bucket, ref, None)
            except NotFound:
                continue  # removed meanwhile
            else:
                if header is not None and (header.run.get("entity"), header.run.get("project")) == (entity, project):
                    yield info_of(self._ws.bucket, ref, header)

    def _check_each(self, artifacts: Sequence[ArtifactInfo]) -> list[CheckedVersion]:
        with Pool(_AT_ONCE, thread_name_prefix="wabucket-verify") as pool:
            try:
                return list(pool.map(self._check, artifacts))
            except BaseException:
                self._cancel.set(Interrupted("another check failed"))
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _look_again(self, items: Sequence[CheckedVersion]) -> list[CheckedVersion]:
        """What others uploaded, recorded or removed while all this was read is no disagreement."""
        now, settled = self._known(), []
        for item in items:
            known = now.get(item.artifact.ref)
            if item.state == "ok" and item.recorded:
                settled.append(item)
            elif known is not None:
                settled.append(self._check(known))
            elif not item.recorded or not self._asks:
                settled.append(item)
        return settled

    def _check(self, artifact: ArtifactInfo) -> CheckedVersion:
        recorded = artifact.version is not None or not self._asks
        for number in range(1, _TRIES + 1):
            try:
                return replace(self._look(artifact), recorded=recorded)
            except ReplacedWhileReading:
                if number == _TRIES:
                    raise
        raise AssertionError("the last try returns or raises")

    def _look(self, artifact: ArtifactInfo) -> CheckedVersion:
        try:
            header = self._ws.plane.find(artifact.bucket, artifact.ref)
        except NotFound as error:
            return self._other(artifact, "gone", str(error), pending=artifact.ref in self._under_way)
        except IntegrityError as error:
            return self._other(artifact, "unreadable", str(error))
        if header is None:
            return self._without_manifest(artifact)
        if artifact.digest != header.digest:
            return self._replaced(artifact, header)
        try:
            seen = self._ws.plane.compare(
                artifact.bucket,
                artifact.ref,
                header,
                deep=self._deep,
                progress=_Shared(self._progress),
                cancel=self._cancel,
            )
        except IntegrityError as error:
            return self._other(artifact, "unreadable", str(error))
        return CheckedVersion(artifact, "damaged" if seen.damage else "ok", damage=seen.damage, extra=seen.extra)

    def _without_manifest(self, artifact: ArtifactInfo) -> CheckedVersion:
        if artifact.digest is None:
            return self._other(
                artifact,
                "unverifiable",
                f"an earlier release uploaded it, without a manifest: wabucket adopt {artifact.ref}",
            )
        return self._other(artifact, "gone", "files are there, but their manifest is gone")

    def _replaced(self, artifact: ArtifactInfo, header: Header) -> CheckedVersion:
        """By an upload that is not recorded yet, or behind the tracker's back."""
        explanation = f"recorded is {artifact.digest}, the bucket has {header.digest}"
        return self._other(artifact, "replaced", explanation, pending=header.run.get("id") in self.left.runs)

    @staticmethod
    def _other(artifact: ArtifactInfo, state: State, explanation: str, *, pending: bool = False) -> CheckedVersion:
        return CheckedVersion(artifact, "pending" if pending else state, explanation=explanation)


@dataclass
class _Shared:
    """Many checks at once are one to look at."""

    whole: Progress

    def start(self, label: str, files: int | None, bytes: int | None) -> None: ...

    def advance(self, *, files: int = 0, bytes: int = 0) -> None:
        self.whole.advance(files=files, bytes=bytes)

    def finish(self) -> None: ...
