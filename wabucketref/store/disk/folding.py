"""Local buckets on disks that take ``Model`` and ``model`` for one name: two artifacts must not share a directory."""

import os
from urllib.parse import unquote, urlsplit

from wabucketref.contracts.storage import Storage
from wabucketref.errors import Conflict
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.disk.localio import local


def local_place(storage: Storage) -> str | None:
    """The directory that a bucket is; None for one elsewhere."""
    parts = urlsplit(storage.url)
    return unquote(parts.path) if parts.scheme == "file" else None


def check_spelling(storage: Storage, ref: ArtifactRef) -> None:
    """Refuse to write to `ref` when its directory, or one above, is that of a name in other letters.

    Raises:
        Conflict: naming the other one.
    """
    place = local_place(storage)
    if place is None:
        return
    for name in (ref.type, ref.name, ref.alias):
        with local(f"look into {place!r}"):
            other = _namesake(place, name)
        if other is not None:
            raise Conflict(
                f"{ref} differs only in case from {other!r}, and the disk of {storage.url} takes them for one name",
                hint=f"use {other!r}, or another name",
            )
        place = os.path.join(place, name)


def _namesake(place: str, name: str) -> str | None:
    """Another name in `place` by which the same directory is found."""
    try:
        ours = os.stat(os.path.join(place, name))
    except (FileNotFoundError, NotADirectoryError):
        return None
    twins = (other for other in os.listdir(place) if other != name and other.casefold() == name.casefold())
    return next((other for other in twins if _leads_to(os.path.join(place, other), ours)), None)


def _leads_to(path: str, facts: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.stat(path), facts)
    except FileNotFoundError:
        return False  # removed meanwhile
