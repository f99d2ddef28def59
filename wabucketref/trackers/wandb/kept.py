"""Artifacts that other programs logged to W&B: what their manifests say of files, in our words."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from wabucketref.contracts.tracker_files import KeptFile
from wabucketref.model.reference import ArtifactRef
from wabucketref.trackers.wandb.entries import kept_file
from wabucketref.trackers.wandb.queries import Queries
from wabucketref.trackers.wandb.sdk import mapped

_PAGE: Final = 100


def kept_files(queries: Queries, ref: ArtifactRef, project: tuple[str, str]) -> Sequence[KeptFile]:
    """See ``KeepingTracker.kept_files``."""
    found, _ = queries.find(ref, project, None)
    with mapped(f"reading the manifest of {ref}"):
        entries = dict(found.manifest.entries)
    return [_kept(str(path), entry) for path, entry in entries.items()]


def kept_urls(queries: Queries, ref: ArtifactRef, project: tuple[str, str], paths: Sequence[str]) -> Mapping[str, str]:
    """See ``KeepingTracker.kept_urls``: links that the server has signed."""
    found, _ = queries.find(ref, project, None)
    with mapped(f"asking for the files of {ref}"):
        files = list(found.files(names=list(paths), per_page=_PAGE))
        return {str(file.name): str(file.direct_url) for file in files if file.direct_url}


def _kept(path: str, entry: Any) -> KeptFile:
    url = None if entry.ref is None else str(entry.ref)
    return kept_file(path, str(entry.digest), entry.size, url, entry.extra, is_md5=_is_md5(entry))


def _is_md5(entry: Any) -> bool:
    """Later releases of the SDK know other algorithms."""
    ask = getattr(entry, "digest_algorithm", None)
    return ask is None or getattr(ask(), "name", "").endswith("MD5")
