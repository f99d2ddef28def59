"""Artifacts that scripts logged with W&B's SDK through ``wabucket serve``: the catalog lists their files, the server's
bucket has them."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlalchemy import Connection

from wabucketref.contracts.tracker_files import KeptFile
from wabucketref.errors import LocalIOError, NotFound
from wabucketref.model.reference import ArtifactRef
from wabucketref.trackers.embedded.resolve import find_version
from wabucketref.trackers.embedded.schema import SERVED
from wabucketref.trackers.embedded.sdk import blobs, entries
from wabucketref.trackers.wandb.entries import kept_file

_NOTE: Final = "served.json"


def files_url(home: Path) -> str:
    """The bucket in which the server of this home keeps files: where it was told, or ``served/`` in the home."""
    try:
        return str(json.loads((home / _NOTE).read_text(encoding="utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return default_files_url(home)


def default_files_url(home: Path) -> str:
    return f"file://{quote(str(home / 'served'))}"


def note_files_url(home: Path, url: str) -> None:
    """Let the command line know where the server keeps files; `url` has no secrets.

    Raises:
        LocalIOError: it cannot be noted.
    """
    path = home / _NOTE
    if files_url(home) == url:
        return
    try:
        part = path.with_name(f".{path.name}-{os.getpid()}")
        part.write_text(json.dumps({"files": url}) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise LocalIOError(f"{path} cannot be written: {error.strerror}") from error


def kept_files(connection: Connection, ref: ArtifactRef, project: tuple[str, str]) -> Sequence[KeptFile]:
    """See ``KeepingTracker.kept_files``."""
    return [
        kept_file(file.path, file.digest, file.size, file.ref, file.extra.get("extra") or {})
        for file in entries.read(connection, _served(connection, ref, project))
    ]


def kept_urls(
    connection: Connection, ref: ArtifactRef, project: tuple[str, str], paths: Sequence[str], bucket: str
) -> Mapping[str, str]:
    """See ``KeepingTracker.kept_urls``: objects of `bucket`."""
    found = entries.named(connection, _served(connection, ref, project), paths)
    pks = {path: file.blob_pk for path, file in found.items() if file.blob_pk is not None}
    known = blobs.of_entries(connection, pks.values())
    return {path: f"{bucket}/{known[pk].key}" for path, pk in pks.items() if pk in known}


def _served(connection: Connection, ref: ArtifactRef, project: tuple[str, str]) -> int:
    found = find_version(connection, ref, project, SERVED)
    if found.bucket != SERVED:
        raise NotFound(f"the files of {ref} lie in {found.bucket}")
    return found.id
