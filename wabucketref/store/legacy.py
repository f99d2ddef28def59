"""Uploads of earlier releases, which have no manifest: the listing is all there is."""

from wabucketref.contracts.storage import Storage
from wabucketref.errors import IntegrityError, NotFound, UnfinishedUpload
from wabucketref.model.manifest import Entry
from wabucketref.model.names import check_manifest_path
from wabucketref.model.reference import ArtifactRef
from wabucketref.store.format.layout import Layout
from wabucketref.store.header import Absent


def legacy_entries(storage: Storage, ref: ArtifactRef) -> list[Entry]:
    """One entry an object, in order of path, without digests; markers of empty directories become directories.

    Raises:
        IntegrityError: a key is no path that may be written to.
    """
    where, layout = f"the listing of {ref} in {storage.url}", Layout.of(ref)
    entries = []
    for info in storage.list(layout.prefix):
        path = layout.path_of(info.key) or ""  # without what is ours while it is being adopted
        if path.endswith("/") and not info.size:
            entries.append(Entry(check_manifest_path(path[:-1], where), 0, "", "directory"))
        elif path:
            entries.append(Entry(check_manifest_path(path, where), info.size, "", "file", info.etag, info.version))
    entries.sort(key=lambda entry: entry.path)
    return without_contradiction(entries, where)


def without_contradiction(entries: list[Entry], where: str) -> list[Entry]:
    """`entries` without directories that are not empty. Raises IntegrityError for a file that is a directory, too."""
    files = {entry.path for entry in entries if entry.type == "file"}
    above = {parent for entry in entries for parent in _parents(entry.path)}
    both = next(iter(sorted(files & above)), None)
    if both is not None:
        raise IntegrityError(f"{where} has {both!r} both as a file and as a directory", hint="rename one in the bucket")
    return [entry for entry in entries if entry.type == "file" or entry.path not in above | files]


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def check_legacy(storage: Storage, ref: ArtifactRef, there: Absent) -> None:
    """Pass when `there` is an upload of an earlier release.

    Raises:
        NotFound: nothing is there.
        UnfinishedUpload: an upload of this release that did not commit.
    """
    if there.reason == "nothing":
        raise NotFound(f"{ref} is not in {storage.url}", hint="`wabucket ls` shows what is there")
    if there.reason == "unfinished":
        raise UnfinishedUpload(
            f"{ref} is an unfinished upload, not one of an earlier release",
            hint="finish it: repeat the upload or run `wabucket sync`",
        )
