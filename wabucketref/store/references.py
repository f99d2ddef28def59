"""The objects of a committed upload, for trackers that refer to files: from its manifest, no request an object."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from wabucketref.contracts.storage import ObjectInfo, Storage
from wabucketref.contracts.tracker_files import FileReference
from wabucketref.errors import IntegrityError, NotFound
from wabucketref.model.artifact import LoggedArtifact
from wabucketref.model.names import RESERVED_DIRECTORY
from wabucketref.store.format.layout import Layout, base_prefix
from wabucketref.store.header import StoredHeader, entries_of, read_header

_MANIFEST: Final = f"{RESERVED_DIRECTORY}/manifest.json"


def references(storage: Storage, artifact: LoggedArtifact) -> list[FileReference]:
    """Every file, then the manifest.

    Raises:
        NotFound: the upload is not there any more.
        IntegrityError: another upload is there, or it is damaged.
    """
    found = read_header(storage, artifact.ref)
    if found is None:
        raise NotFound(f"{artifact.ref} is not in {storage.url} any more")
    if found.header.digest != artifact.digest:
        raise IntegrityError(f"{artifact.ref} in {storage.url} holds another upload than the one to be recorded")
    return [*_files(storage, artifact, found), _manifest(storage, artifact, found.info)]


def _files(storage: Storage, artifact: LoggedArtifact, found: StoredHeader) -> Iterator[FileReference]:
    header = found.header
    prefix = Layout.of(artifact.ref).prefix if header.base is None else base_prefix(header.base)
    for entry in entries_of(storage, artifact.ref, header):
        if entry.type == "file":
            url = _url(storage, prefix + entry.path)
            yield FileReference(entry.path, url, entry.size, entry.digest, entry.etag, entry.version)


def _manifest(storage: Storage, artifact: LoggedArtifact, info: ObjectInfo) -> FileReference:
    url = _url(storage, Layout.of(artifact.ref).header)
    return FileReference(_MANIFEST, url, info.size, "", info.etag, info.version)


def _url(storage: Storage, key: str) -> str:
    """As W&B's SDK reads it: keys of object stores literally, paths of this machine percent-encoded."""
    return f"{storage.url}/{quote(key) if storage.url.startswith('file:') else key}"
