"""Which versions ``gc --keep-last`` takes: all but the newest of each artifact, and but those that somebody needs."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from wabucketref.errors import Conflict, NotFound, Unsupported
from wabucketref.model.artifact import ArtifactInfo
from wabucketref.model.garbage import Kept
from wabucketref.model.manifest import Header
from wabucketref.model.names import version_number
from wabucketref.model.run import RunState
from wabucketref.operations.left import under_way
from wabucketref.operations.workspace import Workspace
from wabucketref.store.collect.collector import Collector


@dataclass
class Excess:
    """Versions that may go, and those that would if nobody needed them."""

    versions: list[ArtifactInfo] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)


def find_excess(ws: Workspace, type: str | None, name: str | None, keep: int, collector: Collector) -> Excess:
    """Beyond the newest `keep` versions of each artifact of the project in this bucket, of a type or one name if given.

    Raises:
        Unsupported: the tracker keeps no versions.
    """
    if not ws.tracker.capabilities.queries:
        raise Unsupported(
            f"the tracker {ws.tracker.name} knows no versions, so it cannot be said which are the last",
            hint="leave out --keep-last, or choose another --tracker",
        )
    found, needed = Excess(), _needed(ws)
    for artifact in _older(ws, type, name, keep):
        why = protection(artifact) or needed(artifact) or collector.in_use(artifact.ref)
        if why is None:
            found.versions.append(artifact)
        else:
            found.kept.append(Kept(str(artifact.ref), f"{artifact.version}: {why}"))
    return found


def protection(artifact: ArtifactInfo) -> str | None:
    """The names that were given to a version protect it; the alias of its upload and ``latest`` do not."""
    names = [name for name in artifact.aliases if name not in (artifact.alias, "latest")]
    return f"it is also called {', '.join(names)}" if names else None


def still_excess(ws: Workspace, artifact: ArtifactInfo) -> Callable[[Header | None], None]:
    """Asked under the claim on it, right before it goes: is it the version that was found, and still unprotected?"""

    def sure(header: Header | None) -> None:
        if header is not None and header.digest != artifact.digest:
            raise Conflict(f"{artifact.ref} holds another upload now")
        try:
            now = ws.tracker.resolve(artifact.ref, ws.project, artifact.bucket)
        except NotFound:
            return  # removed or replaced, as far as the tracker knows
        why = protection(now) if now.version == artifact.version else "the alias names another version now"
        if why is not None:
            raise Conflict(f"{artifact.ref} is needed now: {why}")

    return sure


def _older(ws: Workspace, type: str | None, name: str | None, keep: int) -> Iterator[ArtifactInfo]:
    groups: defaultdict[tuple[str, str], list[ArtifactInfo]] = defaultdict(list)
    for one in ws.tracker.list_artifacts(ws.project, type, name):
        if one.bucket == ws.bucket:
            groups[one.type, one.name].append(one)
    for versions in groups.values():
        yield from _newest_first(versions)[keep:]


def _newest_first(versions: Sequence[ArtifactInfo]) -> list[ArtifactInfo]:
    return sorted(versions, key=lambda one: version_number(one.version or "") or 0, reverse=True)


def _needed(ws: Workspace) -> Callable[[ArtifactInfo], str | None]:
    """What runs use that have not ended, and what this home uploads, links or downloads now."""
    runs = {
        ref: run.id for run in ws.tracker.list_runs(ws.project) if run.state is RunState.RUNNING for ref in run.inputs
    }
    journaled = under_way(ws.settings)

    def why(artifact: ArtifactInfo) -> str | None:
        if str(artifact.ref) in runs:
            return f"the run {runs[str(artifact.ref)]}, which has not ended, uses it"
        return "an operation of this home is at it" if artifact.ref in journaled else None

    return why
