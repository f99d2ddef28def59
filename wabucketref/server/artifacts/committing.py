"""From the manifests that a client uploaded to the files of a version."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Connection

from wabucketref.contracts.storage import Storage
from wabucketref.errors import IntegrityError, NotFound, UsageError
from wabucketref.server.artifacts import merging
from wabucketref.server.artifacts.files import uploaded
from wabucketref.server.artifacts.merging import FULL, INCREMENTAL, Named, Parsed
from wabucketref.server.site import Options, Site
from wabucketref.trackers.embedded.schema import SERVED
from wabucketref.trackers.embedded.sdk import blobs, entries, manifests, naming, versions
from wabucketref.trackers.embedded.sdk.drafts import Draft, Listing
from wabucketref.trackers.embedded.sdk.facts import File
from wabucketref.trackers.embedded.sdk.manifests import Manifest

REGIONS: Final = ("default",)
"""All files lie in the one bucket of the server, whatever a region is called."""

DEV_REGIONS: Final = (*REGIONS, "minio-local")
"""With ``--dev-users``: the one that W&B's own test server has, which tests of the SDK ask for."""


def check_region(region: str | None, options: Options) -> None:
    """Raises UsageError for a storage region that this server does not have."""
    if region is not None and region not in (DEV_REGIONS if options.dev_users else REGIONS):
        raise UsageError(f"invalid storage region {region[:100]!r}: this server has only 'default'")


def listing(connection: Connection, site: Site, draft: Draft) -> Listing:
    """The files of a draft, all its manifests merged, each with its bytes.

    Raises:
        UsageError: no manifest was uploaded, or one is damaged.
        NotFound: a file's bytes were not uploaded.
    """
    found = manifests.stored(connection, draft.pk)
    whole = [one for one in found if one.kind == FULL][-1:]
    if not found:
        raise UsageError("the artifact has no manifest yet", hint="upload one before the commit")
    parts = [_read(site.storage, one) for one in whole or found]
    for part in parts:
        check_region(part.region, site.options)
    base = [] if whole else _base(connection, site, draft, found)
    named = merging.merge(base, parts)
    # What a whole manifest says of itself was said at the creation; a merged one is first known here.
    digest = merging.digest_of(named.values()) if not whole else draft.digest
    region = next((part.region for part in parts if part.region), None)
    return Listing(digest, _with_bytes(connection, draft, named), region)


def _base(connection: Connection, site: Site, draft: Draft, found: Sequence[Manifest]) -> list[Named]:
    """What an incremental artifact starts from: the version it names, else the latest."""
    added = [one for one in found if one.kind == INCREMENTAL]
    if not added:
        return []
    pk = versions.key_of(connection, added[-1].base) if added[-1].base else None
    if pk is None:
        latest = naming.find_in(connection, draft.collection, "latest")
        pk = None if latest is None else latest.version_pk
    if pk is None:
        return []
    version = versions.require(connection, pk)
    files = entries.read(connection, pk) if version.bucket == SERVED else uploaded(site, version)
    return [Named(file.path, file.digest, file.size, file.ref, file.extra) for file in files]


def _read(storage: Storage, manifest: Manifest) -> Parsed:
    info = storage.head(manifest.key)
    if info is None:
        raise IntegrityError("the manifest is gone from the bucket of the server", hint="log the artifact again")
    if info.size > merging.MOST_BYTES:
        raise UsageError(f"the manifest has {info.size} bytes, at most {merging.MOST_BYTES} may be")
    return merging.parse(storage.read_range(manifest.key, 0, info.size) if info.size else b"")


def _with_bytes(connection: Connection, draft: Draft, named: Mapping[str, Named]) -> list[File]:
    local = [entry.digest for entry in named.values() if entry.ref is None]
    found = blobs.of_digests(connection, draft.collection.project.pk, dict.fromkeys(local))
    files = []
    for entry in named.values():
        blob = found.get(entry.digest) if entry.ref is None else None
        if entry.ref is None and (blob is None or blob.size is None):
            raise NotFound(f"the bytes of {entry.path[:200]!r} were not uploaded", hint="upload them before the commit")
        size = entry.size if blob is None or blob.size is None else blob.size
        birth_pk = None if blob is None else blob.draft_pk
        files.append(
            File(entry.path, entry.digest, size, entry.ref, None if blob is None else blob.pk, birth_pk, entry.extra)
        )
    return files
