"""Movable names of versions in W&B; the first alias, which is the directory, stays."""

from collections.abc import Sequence

from wabucketref.errors import Conflict, NotFound
from wabucketref.model.artifact import ArtifactInfo
from wabucketref.model.reference import ArtifactRef
from wabucketref.trackers.wandb.queries import Queries
from wabucketref.trackers.wandb.rules import check_names
from wabucketref.trackers.wandb.sdk import mapped


def add(
    queries: Queries, ref: ArtifactRef, project: tuple[str, str], bucket: str, names: Sequence[str]
) -> ArtifactInfo:
    """Let `names` mean the version that `ref` names. Raises as ``Tracker.set_aliases``."""
    found, info = queries.find(ref, project, bucket)
    place = queries.place(*project)
    for name in names:
        check_names(info.type, info.name, name)
        _check_directory(queries, place, info, name)
    with mapped(f"naming {ref}"):
        found.aliases = list(dict.fromkeys([*found.aliases, *names]))
        found.save()
    return queries.info(place, queries.artifact(place, info.name, str(info.version)))


def drop(queries: Queries, ref: ArtifactRef, project: tuple[str, str], bucket: str) -> ArtifactInfo:
    """Take the name ``ref.alias`` away. Raises as ``Tracker.remove_alias``."""
    found, info = queries.find(ref, project, bucket)
    if ref.alias in ("latest", info.alias, info.version):
        raise Conflict(f"{ref.alias!r} cannot be removed from {info.ref}", hint="`wabucket rm` removes the upload")
    with mapped(f"removing the name {ref.alias}"):
        found.aliases = [name for name in found.aliases if name != ref.alias]
        found.save()
    place = queries.place(*project)
    return queries.info(place, queries.artifact(place, info.name, str(info.version)))


def _check_directory(queries: Queries, place: str, info: ArtifactInfo, name: str) -> None:
    try:
        holder = queries.info(place, queries.artifact(place, info.name, name))
    except NotFound:
        return
    if holder.alias == name and holder.version != info.version:
        raise Conflict(f"{holder.ref} is the directory of {holder.version}", hint="choose another name")
