"""Names that users move: add, remove; and the removal of an upload with all its names."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wabucketref.errors import Conflict, NotFound
from wabucketref.model.artifact import SERVED
from wabucketref.model.names import check_new_alias
from wabucketref.model.reference import ArtifactRef
from wabucketref.trackers.embedded import artifacts
from wabucketref.trackers.embedded.names import LATEST, Place, named, point, take_away
from wabucketref.trackers.embedded.resolve import find_version, lock_existing

if TYPE_CHECKING:
    from wabucketref.trackers.embedded.sql import Link


def add(link: "Link", ref: ArtifactRef, project: tuple[str, str], bucket: str, names: Sequence[str]) -> int:
    """Point `names` at the version that `ref` names; its pk."""
    for name in names:
        check_new_alias(name)
    lock_existing(link, ref, project)
    found = find_version(link, ref, project, bucket)
    place = Place(found.sequence_pk, found.bucket)
    for name in names:
        holder = named(link, place, name)
        if holder is not None and holder[0] != found.id and holder[1] == name:
            raise Conflict(
                f"{ref.type}/{ref.name}:{name} is the directory of another upload",
                hint="an upload keeps the alias it was uploaded under; choose another name",
            )
        point(link, place, name, found.id)
        for other in {bucket, SERVED} - {found.bucket}:
            _release(link, Place(found.sequence_pk, other), name)
    return int(found.id)


def drop(link: "Link", ref: ArtifactRef, project: tuple[str, str], bucket: str) -> int:
    """Remove the name; the pk of the version that had it."""
    sequence_pk = lock_existing(link, ref, project)
    if ref.alias == LATEST:
        raise Conflict(f"{ref} always names the newest version", hint="only names given with `wabucket alias` go")
    places = [Place(sequence_pk, bucket), Place(sequence_pk, SERVED)]
    holders = [named(link, place, ref.alias) for place in places]
    holder = holders[0] or holders[1]
    if holder is None:
        find_version(link, ref, project, bucket)
        raise Conflict(f"{ref} is a version number, not an alias", hint="`wabucket rm` removes the upload itself")
    if holder[1] == ref.alias:
        raise Conflict(f"{ref} is the directory of the upload", hint="`wabucket rm` removes the upload itself")
    for place in places:
        _release(link, place, ref.alias)
    return holder[0]


def remove_upload(link: "Link", ref: ArtifactRef, project: tuple[str, str], bucket: str) -> None:
    """Mark the version that `ref` names deleted; nothing to do when it names none (any more), or other content."""
    try:
        lock_existing(link, ref, project)
        found = find_version(link, ref, project, bucket)
    except NotFound:
        return
    if ref.digest is None or ref.digest == found.digest:
        artifacts.remove(link, Place(found.sequence_pk, found.bucket), found.id)


def _release(link: "Link", place: Place, name: str) -> None:
    """Take a movable name away, whoever has it."""
    holder = named(link, place, name)
    if holder is not None and holder[1] != name:
        take_away(link, place, name)
