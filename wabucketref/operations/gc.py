"""Garbage collection: what nothing refers to goes from the bucket."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain

from wabucketref.contracts.progress import Progress, SilentProgress
from wabucketref.contracts.transfer import Cancel
from wabucketref.errors import Conflict, IntegrityError, Interrupted
from wabucketref.failpoints import hit
from wabucketref.model.artifact import ArtifactInfo
from wabucketref.model.garbage import Garbage, GcResult
from wabucketref.model.names import check_component
from wabucketref.operations.keeping import Excess, find_excess, still_excess
from wabucketref.operations.remove import remove_upload
from wabucketref.operations.workspace import Workspace
from wabucketref.store.collect.collector import told
from wabucketref.store.collect.finding import Findings


def gc(
    ws: Workspace,
    type: str | None = None,
    name: str | None = None,
    *,
    apply: bool = False,
    keep_last: int | None = None,
    progress: Progress | None = None,
    failed: Callable[[GcResult], None] = lambda result: None,
) -> GcResult:
    """Find what is garbage in the bucket, below a type or below one artifact; with `apply` remove it.

    With `keep_last` the versions of the project beyond the newest so many of each artifact are garbage, too, unless
    somebody needs them. `failed` hears what was done before an error; doing it again goes on from there.

    Raises:
        UsageError: a type or name that cannot be one; Unsupported: `keep_last` with a tracker that knows no versions.
        NotAuthorised, TransientError: bucket or tracker do not allow it, or cannot do it.
    """
    for value, field in ((type, "type"), (name, "name")):
        if value is not None:
            check_component(value, field)
    collection = _Collection(ws, type, name, keep_last, progress or SilentProgress())
    try:
        collection.run(apply)
    except BaseException as error:
        collection.cancel.set(Interrupted("the collection ended"))
        if isinstance(error, Exception | KeyboardInterrupt):
            failed(collection.result)
        raise
    return collection.result


class _Collection:
    def __init__(
        self, ws: Workspace, type: str | None, name: str | None, keep_last: int | None, progress: Progress
    ) -> None:
        self.cancel = Cancel()
        self._ws = ws
        self._type = type
        self._name = name
        self._keep_last = keep_last
        self._progress = progress
        self._scope = "/".join(part for part in (type, name) if part)
        self._found = Findings()
        self._excess = Excess()
        self._applied = False
        self._done: list[Garbage] = []
        self._waiting: dict[tuple[str, str], Garbage] = {}

    @property
    def result(self) -> GcResult:
        """What is known by now."""
        return GcResult(
            self._ws.bucket,
            self._scope or None,
            self._keep_last,
            self._applied,
            [*self._done, *self._waiting.values()],
            [*self._found.kept, *self._excess.kept],
            self._found.notes,
        )

    def run(self, apply: bool) -> None:
        ws = self._ws
        with ws.plane.collecting(ws.bucket, progress=self._progress, cancel=self.cancel) as collector:
            self._found = collector.find(f"{self._scope}/" if self._scope else "")
            if self._keep_last is not None:
                self._excess = find_excess(ws, self._type, self._name, self._keep_last, collector)
            garbage = [*map(told, self._found.items), *map(_version, self._excess.versions)]
            self._waiting = {(one.kind, one.what): one for one in garbage}
            hit("gc.planned")
            if apply:
                self._applied = True
                for one in chain(self._remove_versions(), collector.remove(self._found.items)):
                    del self._waiting[one.kind, one.what]
                    self._done.append(one)

    def _remove_versions(self) -> Iterator[Garbage]:
        for artifact in self._excess.versions:
            self.cancel.check()
            try:
                remove_upload(self._ws, artifact, still_excess(self._ws, artifact))
            except (Conflict, IntegrityError) as why:
                yield replace(_version(artifact), state="kept", explanation=f"{artifact.version}: {why}")
            else:
                yield replace(_version(artifact), state="removed")


def _version(artifact: ArtifactInfo) -> Garbage:
    files = 0 if artifact.linked else artifact.files
    size = 0 if artifact.linked else artifact.bytes
    return Garbage("version", str(artifact.ref), files, size, artifact.created, explanation=artifact.version)
