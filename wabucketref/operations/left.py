"""What the journals of a home still have to say of a project: runs to be recorded, uploads to be finished."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from wabucketref.errors import NotFound, UsageError, WaBucketError
from wabucketref.model.audit import Finding
from wabucketref.model.reference import ArtifactRef
from wabucketref.operations.journals import is_owned, journals
from wabucketref.service.journal import Journal
from wabucketref.service.recovery import recover
from wabucketref.settings import Settings

_MAKING: Final = ("artifact", "link", "adopt")
"""Records of operations that make artifacts."""


@dataclass
class Left:
    """Of one project."""

    runs: set[str] = field(default_factory=set)
    """Ids of the runs that have a journal."""
    unfinished: set[ArtifactRef] = field(default_factory=set)
    """What uploads and links are to be made whose outcome is not journaled."""
    findings: list[Finding] = field(default_factory=list)
    """Journals whose process is gone: they wait for ``sync``."""


def what_is_left(settings: Settings, project: tuple[str, str]) -> Left:
    """Read all journals; those of other projects are passed over."""
    left = Left()
    for path in journals(settings):
        try:
            _read(path, project, left)
        except NotFound:
            continue  # recorded meanwhile
        except WaBucketError as error:
            left.findings.append(Finding("waiting", path.stem, str(error)))
    return left


def _read(path: Path, project: tuple[str, str], left: Left) -> None:
    with Journal.look(path) as journal:
        found = recover(journal)
        if (found.state.key.entity, found.state.key.project) != project:
            return
        unfinished = {ref for xid, ref in _wanted(journal) if xid not in found.settled}
    left.runs.add(path.stem)
    left.unfinished |= unfinished
    if not is_owned(path):
        what = f", {len(unfinished)} upload(s) to be finished" if unfinished else ""
        left.findings.append(Finding("waiting", path.stem, f"waits to be recorded{what}: run `wabucket sync`"))


def under_way(settings: Settings) -> set[ArtifactRef]:
    """What uploads, links and downloads of this home, of whatever project, are about whose outcome is not journaled."""
    found: set[ArtifactRef] = set()
    for path in journals(settings):
        try:
            with Journal.look(path) as journal:
                settled = recover(journal).settled
                found |= {ref for xid, ref in _wanted(journal, (*_MAKING, "use_artifact")) if xid not in settled}
        except WaBucketError:
            continue  # recorded meanwhile, or damaged: nobody goes on with it
    return found


def runs_in(settings: Settings, bucket: str) -> set[str]:
    """Runs of this home, of whatever project, whose journals have to do with `bucket`."""
    found = set[str]()
    for path in journals(settings):
        try:
            with Journal.look(path) as journal:
                records = (getattr(one, one.WhichOneof("kind") or "run") for _, one in journal.scan())
                if any(getattr(record, "bucket", None) == bucket for record in records):
                    found.add(path.stem)
        except WaBucketError:
            continue  # recorded meanwhile, or damaged: nobody goes on with it
    return found


def _wanted(journal: Journal, kinds: Collection[str] = _MAKING) -> Iterator[tuple[str, ArtifactRef]]:
    """The operations of these kinds: xid and reference."""
    for _, record in journal.scan():
        kind = record.WhichOneof("kind")
        if kind in kinds:
            wanted = getattr(record, kind)
            try:
                yield wanted.xid, ArtifactRef(wanted.type, wanted.name, wanted.alias)
            except UsageError:
                continue
