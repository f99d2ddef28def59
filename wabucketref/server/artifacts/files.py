"""Files of artifacts as the schema's ``File``, and links to their bytes."""

import json
import mimetypes
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from wabucketref.errors import Unsupported
from wabucketref.server.artifacts.reader import Reader, connection_of
from wabucketref.server.artifacts.views import ArtifactView, MembershipView
from wabucketref.server.call import Call, Info
from wabucketref.server.links import GET_SECONDS, Grant
from wabucketref.server.paging import Page, listed
from wabucketref.server.site import Site
from wabucketref.trackers.embedded.schema import SERVED
from wabucketref.trackers.embedded.sdk import blobs, entries, ids, versions
from wabucketref.trackers.embedded.sdk.blobs import Blob
from wabucketref.trackers.embedded.sdk.facts import File, Version
from wabucketref.trackers.embedded.sdk.manifests import Manifest
from wabucketref.trackers.embedded.sdk.paging import cut_list

MANIFEST_NAME: Final = "wandb_manifest.json"


@dataclass(frozen=True, slots=True)
class FileView:
    """A file of a version: our bytes, or a reference to others'."""

    call: Call
    version: Version
    facts: File
    key: str | None

    def id(self) -> str:
        return ids.public("ArtifactFile", self.version.pk, self.facts.path)

    @property
    def name(self) -> str:
        return self.facts.path

    @property
    def display_name(self) -> str:
        return self.facts.path

    def size_bytes(self) -> int:
        return self.facts.size

    def storage_path(self) -> str:
        return f"wandb_artifacts/{self.version.pk}/{self.facts.path}"

    def mimetype(self) -> str | None:
        return mimetypes.guess_type(self.facts.path)[0]

    def updated_at(self) -> datetime:
        return self.version.created

    @property
    def digest(self) -> str:
        return self.facts.digest

    @property
    def md5(self) -> str | None:
        return self.facts.digest if self.facts.ref is None else None

    def upload_url(self) -> None:
        return None

    def direct_url(self) -> str:
        if self.key is None:
            return self.facts.ref or ""
        return blob_url(self.call, self.key, self.facts.path)

    def artifact(self) -> None:
        return None


@dataclass(frozen=True, slots=True)
class UploadView:
    """Where the bytes of a file go, or nowhere when they are there."""

    reader: Reader
    digest: str
    blob: Blob
    name: str = ""

    def called(self, name: str) -> "UploadView":
        """The same bytes under another name."""
        return replace(self, name=name)

    def id(self) -> str:
        return ids.public("ArtifactBlob", self.blob.pk)

    @property
    def display_name(self) -> str:
        return self.name

    def storage_path(self) -> str:
        return f"wandb_artifacts/{self.blob.key}"

    def upload_url(self) -> str | None:
        if self.blob.size is not None:
            return None
        return self.reader.call.links.put(self.blob.key, self.name, "artifact-file", str(self.blob.pk), self.digest)

    def direct_url(self) -> None:
        return None

    def size_bytes(self) -> int:
        return self.blob.size or 0

    def upload_headers(self) -> Sequence[str]:
        return [f"Content-MD5:{self.digest}"]

    def artifact(self) -> dict[str, str]:
        return {"id": ids.draft_id(self.blob.draft_pk)}


@dataclass(frozen=True, slots=True)
class ManifestView:
    """An ``ArtifactManifest`` that is still to be uploaded."""

    reader: Reader
    facts: Manifest

    def id(self) -> str:
        return ids.public(ids.MANIFEST, self.facts.pk)

    def file(self) -> "ManifestFileView":
        put = self.reader.call.links.put(self.facts.key, MANIFEST_NAME, "artifact-manifest", str(self.facts.pk))
        return ManifestFileView(ids.public("ArtifactManifestFile", self.facts.pk), None, put)


@dataclass(frozen=True, slots=True)
class ManifestFileView:
    """The file of a manifest, to be read or to be uploaded."""

    id: str
    to_read: str | None
    to_write: str | None
    name: str = MANIFEST_NAME
    display_name: str = MANIFEST_NAME
    size_bytes: int = 0
    upload_headers: Sequence[str] = ()

    def direct_url(self) -> str | None:
        return self.to_read

    def upload_url(self) -> str | None:
        return self.to_write


def manifest_of_artifact(source: ArtifactView, info: Info) -> dict[str, Any]:
    """The manifest of a version, made when it is fetched."""
    url = manifest_url(source.reader.call, source.facts.pk)
    return {"id": source.facts.id, "file": ManifestFileView(source.facts.id, url, None)}


def files_of_artifact(
    source: ArtifactView,
    info: Info,
    names: Sequence[str] | None = None,
    after: str | None = None,
    first: int | None = None,
) -> Page:
    """The files of a version, references among them."""
    if source.facts.bucket == SERVED:
        found = entries.page(source.reader.connection, source.facts.pk, names, after, first)
    else:
        wanted = None if names is None else set(names)
        files = [one for one in uploaded(source.reader.call.site, source.facts) if wanted is None or one.path in wanted]
        found = cut_list(files, lambda file: file.path, after, first)
    return connection_of(found, lambda files: _views(source.reader, source.facts, files))


def uploaded(site: Site, version: Version) -> Sequence[File]:
    """The files of a version that our own command line uploaded.

    Raises:
        Unsupported: this server reads no buckets but its own.
    """
    if site.uploads is None:
        raise Unsupported(f"the files of {version.collection.name}:v{version.number} lie in {version.bucket}")
    return site.uploads.files(version)


def files_of_membership(
    source: MembershipView,
    info: Info,
    names: Sequence[str] | None = None,
    after: str | None = None,
    first: int | None = None,
) -> Page:
    """As :func:`files_of_artifact`."""
    version = versions.require(source.reader.connection, source.facts.version_pk)
    return files_of_artifact(ArtifactView(source.reader, version), info, names, after, first)


def files_by_entries(
    source: ArtifactView,
    info: Info,
    storage_layout: str,
    manifest_version: str,
    entries: Sequence[Mapping[str, Any]] | None = None,
    storage_region: str | None = None,
) -> Page:
    """The files of a version that a client names by entries of its manifest, on one page."""
    return listed(_chosen(source, [entry["name"] for entry in entries or ()]))


def manifest_document(version: Version, files: Iterable[File]) -> bytes:
    """The manifest as the SDK reads it."""
    config = {"storageLayout": "V2"} | ({"storageRegion": version.region} if version.region else {})
    found = {
        "version": 1,
        "storagePolicy": "wandb-storage-policy-v1",
        "storagePolicyConfig": config,
        "contents": {file.path: _entry(file) for file in files},
    }
    return json.dumps(found, separators=(",", ":")).encode()


def blob_url(call: Call, key: str, name: str) -> str:
    """A link to bytes. The SDK's users look for ``wandb_artifacts`` in it."""
    return f"{call.base_url}/storage/wandb_artifacts/{_token(call, Grant('get', key, name, _until()))}"


def manifest_url(call: Call, version_pk: int) -> str:
    """A link to the manifest of a version."""
    grant = Grant("list", "", MANIFEST_NAME, _until(), subject=str(version_pk))
    return f"{call.base_url}/storage/{_token(call, grant)}/{MANIFEST_NAME}"


def _token(call: Call, grant: Grant) -> str:
    return call.site.links.path(grant).rpartition("/")[2]


def _until() -> float:
    return time.time() + GET_SECONDS


def _chosen(source: ArtifactView, names: Sequence[str]) -> Sequence[FileView]:
    found: Mapping[str, File]
    if source.facts.bucket == SERVED:
        found = entries.named(source.reader.connection, source.facts.pk, names)
    else:
        found = {file.path: file for file in uploaded(source.reader.call.site, source.facts)}
    return _views(source.reader, source.facts, [found[name] for name in names if name in found])


def _views(reader: Reader, version: Version, files: Sequence[File]) -> Sequence[FileView]:
    bytes_of = blobs.of_entries(reader.connection, [file.blob_pk for file in files if file.blob_pk is not None])
    keys = {pk: blob.key for pk, blob in bytes_of.items()}
    return [FileView(reader.call, version, file, keys.get(file.blob_pk or 0)) for file in files]


def _entry(file: File) -> dict[str, Any]:
    found: dict[str, Any] = {"digest": file.digest, "size": file.size}
    if file.ref is not None:
        found["ref"] = file.ref
    if file.birth_pk is not None:
        found["birthArtifactID"] = ids.draft_id(file.birth_pk)
    return found | {name: value for name, value in file.extra.items() if value}
