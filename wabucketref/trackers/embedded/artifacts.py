"""Writing artifact records: versions, the names that move with them, inputs and outputs of runs.

All of it happens under the lock of one artifact sequence, so that version numbers are dense and names agree.
"""

from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from wabucketref.contracts.tracker import AliasHeld
from wabucketref.model.artifact import SERVED, LoggedArtifact, Standing
from wabucketref.model.run import RunKey
from wabucketref.trackers.embedded.names import LATEST, Place, move_latest, named, point
from wabucketref.trackers.embedded.rows import ensure, insert, insert_new, require_run, update
from wabucketref.trackers.embedded.sql import change, first, on_server, scalar

if TYPE_CHECKING:
    from wabucketref.trackers.embedded.sql import Link

_VERSION: Final = "artifact_version"
_OUTPUT: Final = "SELECT version_pk FROM run_output WHERE run_pk = :run_pk AND xid = :xid"
_USE: Final = "SELECT version_pk FROM run_use WHERE run_pk = :run_pk AND xid = :xid"
_SEQUENCE: Final = (
    "SELECT sequence.id, sequence.next_number FROM artifact_sequence AS sequence "
    "JOIN artifact_type AS type ON type.id = sequence.type_pk "
    "WHERE type.project_pk = :project_pk AND type.name = :type AND sequence.name = :name"
)
_IN_PLACE: Final = "SELECT id FROM artifact_version WHERE sequence_pk = :sequence_pk AND bucket = :bucket"


def log(link: "Link", key: RunKey, artifact: LoggedArtifact) -> int:
    """Record `artifact` as output of the run; the pk of its version. A replay of the xid changes nothing.

    Raises:
        AliasHeld: another upload has its alias, and its standing does not say that it took its place.
    """
    run_pk, project_pk = require_run(link, key)
    known = _linked(link, _OUTPUT, run_pk, artifact.xid)
    if known is not None:
        return known
    place, number = _lock(link, project_pk, artifact)
    pk, standing = _known_content(link, place, artifact), artifact.standing or Standing()
    if artifact.standing is not None and standing.current:
        _check_holder(link, place, artifact.alias, pk, standing.holder)
    if pk is not None:
        change(
            link,
            "UPDATE artifact_version SET producer_pk = :run_pk WHERE id = :pk AND producer_pk IS NULL",
            run_pk=run_pk,
            pk=pk,
        )
    elif standing.current:
        pk = _add(link, place, number, artifact, run_pk)
        point(link, place, LATEST, pk)
    else:
        pk = _add_past(link, place, number, artifact, run_pk)
    if standing.current and _take_directory(link, place, artifact.alias, pk):
        move_latest(link, place)
    insert(link, "run_output", {"run_pk": run_pk, "xid": artifact.xid, "version_pk": pk})
    return pk


def use(link: "Link", key: RunKey, xid: str, artifact: LoggedArtifact) -> int:
    """Record `artifact` as input of the run; the pk of its version.

    One that this catalog does not know becomes a version without a producer. Reading moves no existing ``latest``.
    """
    run_pk, project_pk = require_run(link, key)
    known = _linked(link, _USE, run_pk, xid)
    if known is not None:
        return known
    place, number = _lock(link, project_pk, artifact)
    pk = (
        _served(link, place, artifact)
        or _living_content(link, place, artifact)
        or _removed_content(link, place, artifact)
    )
    if pk is None:
        pk = _meet(link, place, number, artifact)
    insert(link, "run_use", {"run_pk": run_pk, "xid": xid, "version_pk": pk})
    return pk


def meet(link: "Link", project_pk: int, artifact: LoggedArtifact) -> int:
    """Record an upload that no run here made, unless it is known; the pk of its version.

    Raises:
        AliasHeld: another upload has its alias.
    """
    place, number = _lock(link, project_pk, artifact)
    known = _living_content(link, place, artifact)
    if known is not None:
        return known
    _check_holder(link, place, artifact.alias, None, known="")
    return _meet(link, place, number, artifact)


def is_known(link: "Link", project_pk: int, artifact: LoggedArtifact) -> bool:
    """Whether its content is a version of its artifact in its bucket."""
    place, _ = _lock(link, project_pk, artifact)
    return _living_content(link, place, artifact) is not None


def was_logged(link: "Link", key: RunKey, xid: str) -> bool:
    """Whether the operation is recorded as one that made an output of the run."""
    return _linked(link, _OUTPUT, require_run(link, key)[0], xid) is not None


def remove(link: "Link", place: Place, pk: int) -> None:
    """Mark a version deleted and take its names away; the caller holds the lock of the sequence."""
    update(link, _VERSION, pk, {"removed": datetime.now(UTC), "content": None})
    change(link, "DELETE FROM artifact_alias WHERE version_pk = :pk", pk=pk)
    move_latest(link, place)


def _lock(link: "Link", project_pk: int, artifact: LoggedArtifact) -> tuple[Place, int]:
    """The place of the artifact, made when new and locked until the transaction ends; and the next version number."""
    statement = _SEQUENCE + (" FOR NO KEY UPDATE OF sequence" if on_server(link) else "")
    wanted = {"project_pk": project_pk, "type": artifact.type, "name": artifact.name}
    found = first(link, statement, **wanted)
    if found is None:
        type_pk = ensure(link, "artifact_type", {"project_pk": project_pk, "name": artifact.type})
        ensure(link, "artifact_sequence", {"type_pk": type_pk, "name": artifact.name}, next_number=0)
        found = first(link, statement, **wanted)
    return Place(found[0], artifact.bucket), found[1]


def _check_holder(link: "Link", place: Place, name: str, pk: int | None, known: str) -> None:
    """Refuse to take the directory `name` for `pk` from any other version than the one that the bucket was asked about.

    Each record of a version adds an output, so that a version which lost its directory and got it back is told apart.
    """
    before = _in_directory(link, place, name)
    if before is None or before == pk:
        return
    latest = scalar(link, "SELECT max(id) FROM run_output WHERE version_pk = :pk", pk=before)
    holder = f"{before}.{latest or 0}"
    if holder != known:
        raise AliasHeld(holder)


def _in_directory(link: "Link", place: Place, name: str) -> int | None:
    """The version that was uploaded under `name` and has its files there, as far as is recorded."""
    holder = named(link, place, name)
    return holder[0] if holder is not None and holder[1] == name else None


def _linked(link: "Link", statement: str, run_pk: int, xid: str) -> int | None:
    pk: int | None = scalar(link, statement, run_pk=run_pk, xid=xid)
    return pk


def _living_content(link: "Link", place: Place, artifact: LoggedArtifact) -> int | None:
    pk: int | None = scalar(link, f"{_IN_PLACE} AND content = :content", content=_content(artifact), **asdict(place))
    return pk


def _served(link: "Link", place: Place, artifact: LoggedArtifact) -> int | None:
    """The version that W&B's SDK logged, which is known by its number only."""
    if place.bucket != SERVED:
        return None
    pk: int | None = scalar(link, f"{_IN_PLACE} AND alias = :alias", alias=artifact.alias, **asdict(place))
    return pk


def _known_content(link: "Link", place: Place, artifact: LoggedArtifact) -> int | None:
    """The living version of this content; what an earlier release uploaded is it too, once it is adopted."""
    pk = _living_content(link, place, artifact)
    if pk is not None or not artifact.adopted:
        return pk
    pk = _living_content(link, place, replace(artifact, digest=""))
    if pk is not None:
        known = {"digest": artifact.digest, "content": _content(artifact)}
        counted = {"files": artifact.files, "bytes": artifact.bytes}
        update(link, _VERSION, pk, {**known, **counted})
    return pk


def _content(artifact: LoggedArtifact) -> str:
    """Uploads of earlier releases have no digest; there the directory is the identity."""
    return artifact.digest or f"alias:{artifact.alias}"


def _removed_content(link: "Link", place: Place, artifact: LoggedArtifact) -> int | None:
    """The newest removed version with this content: a use that is told late must not bring it back."""
    known = {"digest": artifact.digest} if artifact.digest else {}
    pk: int | None = scalar(
        link,
        f"{_IN_PLACE} AND alias = :alias AND digest {'= :digest' if known else 'IS NULL'} ORDER BY number DESC LIMIT 1",
        alias=artifact.alias,
        **known,
        **asdict(place),
    )
    return pk


def _add(link: "Link", place: Place, number: int, artifact: LoggedArtifact, producer_pk: int | None) -> int:
    """Make version `number`, the next of its sequence."""
    update(link, "artifact_sequence", place.sequence_pk, {"next_number": number + 1})
    facts = {
        "sequence_pk": place.sequence_pk,
        "number": number,
        "bucket": place.bucket,
        "digest": artifact.digest or None,
        "content": _content(artifact),
        "uri": artifact.uri,
        "alias": artifact.alias,
        "files": artifact.files,
        "bytes": artifact.bytes,
        "metadata": artifact.metadata,
        "created": artifact.created,
        "linked": artifact.linked,
        "producer_pk": producer_pk,
    }
    return insert_new(link, _VERSION, facts)


def _add_past(link: "Link", place: Place, number: int, artifact: LoggedArtifact, producer_pk: int) -> int:
    """As :func:`_add`, of an upload whose files are not there any more: it has no names."""
    pk = _add(link, place, number, artifact, producer_pk)
    holder = _in_directory(link, place, artifact.alias)
    if holder is None:
        remove(link, place, pk)
    else:
        update(link, _VERSION, pk, {"replaced_by": holder})
    return pk


def _meet(link: "Link", place: Place, number: int, artifact: LoggedArtifact) -> int:
    """Record a version that another catalog made. A directory known to hold another upload keeps its version:
    then this use is told late, after an ``--overwrite``."""
    pk = _add(link, place, number, artifact, None)
    holder = _in_directory(link, place, artifact.alias)
    if holder is not None:
        update(link, _VERSION, pk, {"replaced_by": holder})
    else:
        point(link, place, artifact.alias, pk)
        move_latest(link, place)
    return pk


def _take_directory(link: "Link", place: Place, name: str, pk: int) -> bool:
    """Give the version its first alias. True when that changed which versions have their files.

    Another version that was uploaded under the same alias has lost its directory to this one (``--overwrite``).
    """
    before = named(link, place, name)
    if before is not None and before[0] == pk:
        return False
    point(link, place, name, pk)
    if before is None or before[1] != name:
        return False
    update(link, _VERSION, before[0], {"replaced_by": pk})
    update(link, _VERSION, pk, {"replaced_by": None})
    return True
