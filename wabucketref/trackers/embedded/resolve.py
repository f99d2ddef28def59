"""From a reference to a version, or to an error that helps."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from wabucketref.errors import NotFound
from wabucketref.model.artifact import SERVED
from wabucketref.model.names import version_number
from wabucketref.model.nearest import nearest
from wabucketref.model.reference import ArtifactRef
from wabucketref.trackers.embedded.rows import find_project
from wabucketref.trackers.embedded.sql import ask, first, moment, on_server, scalar

if TYPE_CHECKING:
    from wabucketref.trackers.embedded.sql import Link

NEAREST_AMONG = 1000
"""Names compared for a hint: comparing is slow, and a hint is not worth a wait."""


class Found(NamedTuple):
    """What a reference led to."""

    id: int
    sequence_pk: int
    bucket: str
    alias: str
    number: int
    digest: str | None
    removed: datetime | None
    replaced_by: int | None


_FOUND: Final = (
    "SELECT version.id, version.sequence_pk, version.bucket, version.alias, version.number, version.digest, "
    "version.removed, version.replaced_by FROM artifact_version AS version "
)
_NAMES: Final = "SELECT alias FROM artifact_alias WHERE sequence_pk = :sequence_pk"


def find_version(link: "Link", ref: ArtifactRef, project: tuple[str, str], bucket: str | None) -> Found:
    """The version that `ref` names: an alias first (``latest`` is one), then a number.

    Raises:
        NotFound: nothing, or a version that was removed or replaced.
    """
    sequence_pk = find_sequence(link, ref, project)
    found = _by_alias(link, sequence_pk, ref.alias, bucket)
    number = version_number(ref.alias)
    if found is None and number is not None:
        found = _by_number(link, sequence_pk, number, bucket)
    if found is None:
        found = _by_lost_alias(link, sequence_pk, ref.alias, bucket)
    if found is None:
        _not_found(link, sequence_pk, ref, bucket)
    if found.removed is not None:
        raise NotFound(
            f"{ref}: v{found.number} was removed", hint=f"see `wabucket ls {ref.type}/{ref.name}` for what is left"
        )
    if found.replaced_by is not None:
        _replaced(link, ref, found)
    return found


def find_sequence(link: "Link", ref: ArtifactRef, project: tuple[str, str]) -> int:
    """The pk of the artifact sequence.

    Raises:
        NotFound: with the nearest name of the project as a hint.
    """
    project_pk = find_project(link, project)
    if project_pk is None:
        raise NotFound(
            f"{ref} is not known: nothing was recorded in project {project[0]}/{project[1]} yet",
            hint="check --project-name, --entity and --tracker",
        )
    found: int | None = scalar(
        link,
        "SELECT sequence.id FROM artifact_sequence AS sequence "
        "JOIN artifact_type AS type ON type.id = sequence.type_pk "
        "WHERE type.project_pk = :project_pk AND type.name = :type AND sequence.name = :name",
        project_pk=project_pk,
        type=ref.type,
        name=ref.name,
    )
    if found is None:
        raise NotFound(f"{ref} is not known", hint=_near_artifact(link, project_pk, ref))
    return found


def lock_existing(link: "Link", ref: ArtifactRef, project: tuple[str, str]) -> int:
    """As :func:`find_sequence`, and nobody else changes the sequence until the transaction ends."""
    pk = find_sequence(link, ref, project)
    if on_server(link):  # of a file, BEGIN IMMEDIATE is the lock
        ask(link, "SELECT id FROM artifact_sequence WHERE id = :pk FOR NO KEY UPDATE", pk=pk)
    return pk


def _near_artifact(link: "Link", project_pk: int, ref: ArtifactRef) -> str:
    rows = ask(
        link,
        "SELECT type.name, sequence.name FROM artifact_type AS type "
        "JOIN artifact_sequence AS sequence ON sequence.type_pk = type.id "
        "WHERE type.project_pk = :project_pk ORDER BY sequence.id DESC LIMIT :most",
        project_pk=project_pk,
        most=NEAREST_AMONG,
    )
    near = nearest(f"{ref.type}/{ref.name}", (f"{kind}/{name}" for kind, name in rows))
    return f"did you mean {near}?" if near else "see `wabucket ls`"


def _by_alias(link: "Link", sequence_pk: int, name: str, bucket: str | None) -> Found | None:
    return _newest(
        link,
        "JOIN artifact_alias AS named ON named.version_pk = version.id "
        "WHERE named.sequence_pk = :sequence_pk AND named.alias = :name",
        bucket,
        sequence_pk=sequence_pk,
        name=name,
    )


def _by_number(link: "Link", sequence_pk: int, number: int, bucket: str | None) -> Found | None:
    if number >= 1 << 31:
        return None
    here = "WHERE version.sequence_pk = :sequence_pk AND version.number = :number"
    return _newest(link, here, bucket, sequence_pk=sequence_pk, number=number)


def _by_lost_alias(link: "Link", sequence_pk: int, name: str, bucket: str | None) -> Found | None:
    """The newest version that was uploaded under `name`, which names nothing any more."""
    here = "WHERE version.sequence_pk = :sequence_pk AND version.alias = :name"
    return _newest(link, here, bucket, sequence_pk=sequence_pk, name=name)


def _newest(link: "Link", where: str, bucket: str | None, **values: Any) -> Found | None:
    """What W&B's SDK logged lies in no bucket of ours, and is seen from each."""
    if bucket is not None:
        where, values = (
            f"{where} AND version.bucket IN (:bucket, :served)",
            {**values, "bucket": bucket, "served": SERVED},
        )
    row = first(link, f"{_FOUND}{where} ORDER BY version.number DESC LIMIT 1", **values)
    if row is None:
        return None
    found = Found(*row)
    return found._replace(removed=moment(found.removed))


def _not_found(link: "Link", sequence_pk: int, ref: ArtifactRef, bucket: str | None) -> NoReturn:
    here = {} if bucket is None else {"bucket": bucket}
    statement = _NAMES + (" AND bucket = :bucket" if here else "") + " ORDER BY version_pk DESC LIMIT :most"
    rows = ask(link, statement, sequence_pk=sequence_pk, most=NEAREST_AMONG, **here)
    near = nearest(ref.alias, (name for (name,) in rows))
    where = f" in {bucket}" if bucket is not None else ""
    raise NotFound(
        f"{ref} is not known{where}",
        hint=f"did you mean {ref.type}/{ref.name}:{near}?" if near else f"see `wabucket ls {ref.type}/{ref.name}`",
    )


def _replaced(link: "Link", ref: ArtifactRef, found: Found) -> NoReturn:
    newer = scalar(link, "SELECT number FROM artifact_version WHERE id = :pk", pk=found.replaced_by)
    raise NotFound(
        f"{ref}: v{found.number} was replaced by v{newer}, uploaded over {found.alias!r}",
        hint=f"use {ref.type}/{ref.name}:v{newer}",
    )
