"""Names of the versions of one artifact sequence: aliases that move, and ``latest``.

They are moved under the lock of the sequence, which who calls holds.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wabucketref.trackers.embedded.rows import insert
from wabucketref.trackers.embedded.sql import change, first, scalar

if TYPE_CHECKING:
    from wabucketref.trackers.embedded.sql import Link

LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Place:
    """Where names live: one artifact sequence in one bucket."""

    sequence_pk: int
    bucket: str


def point(link: "Link", place: Place, name: str, pk: int) -> None:
    """Make `name` name the version `pk`, wherever it pointed before."""
    key = {"sequence_pk": place.sequence_pk, "alias": name, "bucket": place.bucket}
    changed = change(
        link,
        "UPDATE artifact_alias SET version_pk = :version_pk "
        "WHERE sequence_pk = :sequence_pk AND alias = :alias AND bucket = :bucket",
        version_pk=pk,
        **key,
    )
    if changed == 0:
        insert(link, "artifact_alias", {**key, "version_pk": pk})


def take_away(link: "Link", place: Place, name: str) -> None:
    """Let `name` name nothing."""
    change(
        link,
        "DELETE FROM artifact_alias WHERE sequence_pk = :sequence_pk AND alias = :alias AND bucket = :bucket",
        sequence_pk=place.sequence_pk,
        alias=name,
        bucket=place.bucket,
    )


def move_latest(link: "Link", place: Place) -> None:
    """Point ``latest`` at the newest version left; one that a run here made goes before one merely met."""
    newest = scalar(
        link,
        "SELECT id FROM artifact_version "
        "WHERE sequence_pk = :sequence_pk AND bucket = :bucket AND removed IS NULL AND replaced_by IS NULL "
        "ORDER BY CASE WHEN producer_pk IS NULL THEN 1 ELSE 0 END, number DESC LIMIT 1",
        sequence_pk=place.sequence_pk,
        bucket=place.bucket,
    )
    if newest is None:
        take_away(link, place, LATEST)
    else:
        point(link, place, LATEST, newest)


def named(link: "Link", place: Place, name: str) -> tuple[int, str] | None:
    """The version that `name` names now, and that version's first alias."""
    found = first(
        link,
        "SELECT version.id, version.alias FROM artifact_version AS version "
        "JOIN artifact_alias AS named ON named.version_pk = version.id "
        "WHERE named.sequence_pk = :sequence_pk AND named.alias = :alias AND named.bucket = :bucket",
        sequence_pk=place.sequence_pk,
        alias=name,
        bucket=place.bucket,
    )
    return None if found is None else (found[0], found[1])
